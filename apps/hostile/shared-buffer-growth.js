// Allocates SharedArrayBuffers and writes to each page.
// expect: exceededMemory | exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const kept = []
    for (;;) kept.push(new Uint8Array(new SharedArrayBuffer(16 * 2 ** 20)).fill(1))
  },
}
