// Asks to be woken after the answer, when nobody watches, and loops then.
// expect: ok | exceededCpu
const cell = new Int32Array(new SharedArrayBuffer(4))

export default {
  async fetch(request, env, ctx) {
    Atomics.waitAsync(cell, 0, 0, 10).value.then(() => {
      for (;;) {}
    })
    return new Response('answered')
  },
}
