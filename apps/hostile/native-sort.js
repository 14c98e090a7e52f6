// Sorts with a comparator that sorts.
// expect: exceededCpu
export default {
  async fetch(request, env, ctx) {
    const sort = depth => Array.from({ length: 50 }, Math.random).sort((a, b) => (depth > 0 ? sort(depth - 1) : 0) || a - b)[0]
    return new Response(String(sort(50)))
  },
}
