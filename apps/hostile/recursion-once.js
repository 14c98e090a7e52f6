// Recurses until the stack ends.
// expect: exception
export default {
  async fetch(request, env, ctx) {
    const deeper = () => 1 + deeper()
    return new Response(String(deeper()))
  },
}
