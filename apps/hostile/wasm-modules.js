// Compiles thousands of WebAssembly modules, each a little different.
// expect: exceededCpu | exceededMemory | ok
export default {
  async fetch(request, env, ctx) {
    const kept = []
    for (let i = 0; i < 20_000; i++) {
      // An empty module with a custom section whose content is the number.
      const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 0, 6, 1, 120, i & 255, (i >> 8) & 255, (i >> 16) & 255, 0]
      kept.push(new WebAssembly.Module(new Uint8Array(bytes)))
    }
    return new Response(String(kept.length))
  },
}
