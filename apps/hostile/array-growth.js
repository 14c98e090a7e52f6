// Grows arrays of arrays.
// expect: exceededMemory | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const kept = []
    for (;;) kept.push(new Array(1000).fill(1))
  },
}
