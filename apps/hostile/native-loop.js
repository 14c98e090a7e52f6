// Searches 2^53 places of an array-like in one native call.
// expect: exceededCpu
export default {
  async fetch(request, env, ctx) {
    return new Response(String(Array.prototype.indexOf.call({ length: Number.MAX_SAFE_INTEGER }, 1)))
  },
}
