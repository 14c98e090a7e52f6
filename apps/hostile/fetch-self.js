// Calls itself without end, from one request to the next.
// expect: ok | exception | exceededWallTime | loadShed
export default {
  async fetch(request, env, ctx) {
    const answers = await Promise.all([fetch(request.url), fetch(request.url)])
    return new Response(String(answers.map(({ status }) => status)))
  },
}
