// Logs objects that loop when they are formatted.
// expect: exceededCpu | ok | exception
export default {
  async fetch(request, env, ctx) {
    const spin = () => {
      for (;;) {}
    }
    console.log(new Proxy({}, { get: spin, ownKeys: spin, getPrototypeOf: spin }))
    console.log({ toString: spin, toJSON: spin, get deep() { return spin() } })
    return new Response('answered')
  },
}
