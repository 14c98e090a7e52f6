// Never reads a body of 10 MB.
// expect: ok
// request: POST 10000000
export default {
  async fetch(request, env, ctx) {
    return new Response('answered')
  },
}
