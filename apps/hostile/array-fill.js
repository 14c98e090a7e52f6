// Fills an array of a thousand million elements in one call.
// expect: exceededMemory | exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    return new Response(String(new Array(1e9).fill(1).length))
  },
}
