// Splits a string of a hundred million characters: one native call, which looks at no interrupt for long.
// expect: exceededCpu | exceededMemory
export default {
  async fetch(request, env, ctx) {
    return new Response(String('ab'.repeat(5e7).split('a').length))
  },
}
