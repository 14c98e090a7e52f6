// Logs a line of 100 million characters.
// expect: ok | exceededCpu | exceededMemory
export default {
  async fetch(request, env, ctx) {
    console.log('x'.repeat(1e8))
    return new Response('answered')
  },
}
