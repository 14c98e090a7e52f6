// Writes a number of two and a half million digits out: one native call of quadratic time.
// expect: exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    return new Response(String((7n ** 3_000_000n).toString().length))
  },
}
