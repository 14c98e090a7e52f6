// Keeps 16 MB more with each request, in buffers that can be resized: V8 counts them nowhere.
// expect: exceededMemory | exceededCpu | internalError
// at once: 4
// times: 80
const kept = []

export default {
  async fetch(request, env, ctx) {
    const buffer = new ArrayBuffer(0, { maxByteLength: 2 ** 25 })
    buffer.resize(2 ** 24)
    new Uint8Array(buffer).fill(1)
    kept.push(buffer)
    return new Response(String(kept.length))
  },
}
