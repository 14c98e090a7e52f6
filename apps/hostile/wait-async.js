// Asks to be woken after the answer, when nobody watches, and loops then.
// expect: exception
const cell = new Int32Array(new SharedArrayBuffer(4))

export default {
  async fetch(request, env, ctx) {
    Atomics.waitAsync(cell, 0, 0).value.then(() => {
      for (;;) {}
    })
    Atomics.notify(cell, 0)
    return new Response('x'.repeat(100_000))
  },
}
