// Answers with a proxy of a Response whose traps loop.
// expect: exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const spin = () => {
      for (;;) {}
    }
    return new Proxy(new Response('real'), { get: spin, getPrototypeOf: spin, has: spin })
  },
}
