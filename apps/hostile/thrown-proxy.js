// Throws a proxy whose traps loop.
// expect: exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const spin = () => {
      for (;;) {}
    }
    const traps = { get: spin, has: spin, ownKeys: spin, getPrototypeOf: spin, getOwnPropertyDescriptor: spin }
    throw new Proxy(new Error('trap'), traps)
  },
}
