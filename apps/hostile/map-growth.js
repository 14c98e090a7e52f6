// Grows a Map.
// expect: exceededMemory | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const kept = new Map()
    for (let i = 0; ; i++) kept.set(i, { i })
  },
}
