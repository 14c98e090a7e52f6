// Keeps 16 MB of WebAssembly memory more with each request: outside of the heap, and little CPU time each time.
// expect: exceededMemory | exceededCpu | internalError | loadShed
// at once: 4
// times: 80
const kept = []

export default {
  async fetch(request, env, ctx) {
    const memory = new WebAssembly.Memory({ initial: 256 })
    new Uint8Array(memory.buffer).fill(1)
    kept.push(memory)
    return new Response(String(kept.length))
  },
}
