// Compiles source text without end, each time another.
// expect: exceededCpu | exceededMemory
export default {
  async fetch(request, env, ctx) {
    for (let i = 0; ; i++) new Function(`return ${'1+'.repeat(1e5)}${i}`)
  },
}
