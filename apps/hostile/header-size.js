// Answers with one header of 10 MB.
// expect: exception | exceededCpu
export default {
  async fetch(request, env, ctx) {
    return new Response('answered', { headers: { 'x-long': 'x'.repeat(1e7) } })
  },
}
