// Keeps strings, each flat and different.
// expect: exceededMemory | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const kept = []
    for (let i = 0; ; i++) kept.push(JSON.stringify(`${i}`.padEnd(100_000)))
  },
}
