// Throws a proxy whose traps throw, so that reporting it fails.
// expect: exception
export default {
  async fetch(request, env, ctx) {
    const fail = () => {
      throw new Proxy({}, traps)
    }
    const traps = { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail }
    throw new Proxy(() => {}, traps)
  },
}
