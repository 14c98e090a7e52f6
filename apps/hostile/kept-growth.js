// Leaks 10 MB on each request, in module scope.
// expect: ok | exceededMemory | exceededCpu
const kept = []

export default {
  async fetch(request, env, ctx) {
    kept.push(new Array(1.25e6).fill(Math.random()))
    return new Response(String(kept.length))
  },
}
