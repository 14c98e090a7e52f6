// Chains closures, each keeping the one before.
// expect: exceededMemory | exceededCpu
export default {
  async fetch(request, env, ctx) {
    let chain = () => 0
    for (;;) {
      const before = chain
      const ballast = new Array(100).fill(0)
      chain = () => before() + ballast.length
    }
  },
}
