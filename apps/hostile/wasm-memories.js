// Makes many WebAssembly memories of 16 MB, each within every limit for one.
// expect: exceededMemory | exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const kept = []
    for (;;) {
      const memory = new WebAssembly.Memory({ initial: 256 })
      new Uint8Array(memory.buffer).fill(1)
      kept.push(memory)
    }
  },
}
