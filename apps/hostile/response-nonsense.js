// Answers with what is no Response.
// expect: exception
export default {
  async fetch(request, env, ctx) {
    return { status: 200, body: [] }
  },
}
