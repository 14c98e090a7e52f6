// Blocks the thread without using CPU time.
// expect: exceededWallTime | exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    return new Response('woken')
  },
}
