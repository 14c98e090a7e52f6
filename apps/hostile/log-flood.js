// Logs as much as it may, in each of many requests at once.
// expect: ok | exceededCpu
// at once: 100
export default {
  async fetch(request, env, ctx) {
    for (let i = 0; i < 256; i++) console.log('\u0001'.repeat(250))
    return new Response('answered')
  },
}
