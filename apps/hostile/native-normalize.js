// Normalizes fifty million characters: one call into ICU, which looks at no interrupt at all.
// expect: exceededCpu | exceededMemory | exception
export default {
  async fetch(request, env, ctx) {
    return new Response(String('\u0344'.repeat(5e7).normalize('NFC').length))
  },
}
