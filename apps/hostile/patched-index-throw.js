// Puts an accessor on the first place of every array, which throws when the platform reads what it has kept there.
// expect: ok | exception
export default {
  async fetch(request, env, ctx) {
    Object.defineProperty(Array.prototype, 0, {
      configurable: true,
      set() {},
      get() {
        throw new Error('patched')
      },
    })
    return new Response('x'.repeat(5000))
  },
}
