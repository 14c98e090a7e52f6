// Grows a WebAssembly memory and writes to each page: outside of the heap limit.
// expect: exceededMemory | exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 })
    for (;;) {
      const before = memory.grow(256)
      new Uint8Array(memory.buffer, before * 65536).fill(1)
    }
  },
}
