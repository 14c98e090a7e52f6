// Puts an accessor on the first place of every array, which loops when the platform reads what it has kept there.
// expect: ok | exception | exceededCpu
export default {
  async fetch(request, env, ctx) {
    Object.defineProperty(Array.prototype, 0, {
      configurable: true,
      set() {},
      get() {
        for (;;) {}
      },
    })
    return new Response('x'.repeat(5000))
  },
}
