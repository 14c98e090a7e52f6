// Matches a regular expression that backtracks exponentially.
// expect: exceededCpu
export default {
  async fetch(request, env, ctx) {
    return new Response(String(/^(a+)+$/.test(`${'a'.repeat(40)}!`)))
  },
}
