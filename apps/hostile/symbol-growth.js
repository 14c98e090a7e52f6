// Fills the registry of symbols.
// expect: exceededMemory | exceededCpu
export default {
  async fetch(request, env, ctx) {
    for (let i = 0; ; i++) Symbol.for(`${i}`.padEnd(1000))
  },
}
