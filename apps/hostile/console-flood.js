// Logs a million lines.
// expect: ok | exceededCpu
export default {
  async fetch(request, env, ctx) {
    for (let i = 0; i < 1e6; i++) console.log('line', i)
    return new Response('answered')
  },
}
