// Throws an object that loops when anything of it is read.
// expect: exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const spin = () => {
      for (;;) {}
    }
    throw Object.defineProperties(new Error('trap'), {
      message: { get: spin },
      name: { get: spin },
      stack: { get: spin },
      cause: { get: spin },
      toString: { get: spin },
      [Symbol.toPrimitive]: { get: spin },
    })
  },
}
