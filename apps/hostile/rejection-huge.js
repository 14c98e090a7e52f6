// Leaves a rejection unhandled whose message has two million characters.
// expect: ok
export default {
  async fetch(request, env, ctx) {
    Promise.reject(new Error('x'.repeat(2e6)))
    return new Response('answered')
  },
}
