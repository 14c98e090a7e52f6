// Is asked two thousand times at once, and takes its time each time.
// expect: ok | loadShed
// at once: 2000
export default {
  async fetch(request, env, ctx) {
    await new Promise(resolve => setTimeout(resolve, 300))
    return new Response('answered')
  },
}
