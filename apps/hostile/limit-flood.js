// Runs into its limits again and again, each time a fact that the platform counts.
// expect: ok | exceededCpu
export default {
  async fetch(request, env, ctx) {
    for (let end = Date.now() + 150; Date.now() < end; ) {
      try {
        fetch('http://127.0.0.1:9/').catch(() => {})
        setTimeout(() => {}, 1e6)
      } catch {}
    }
    return new Response('answered')
  },
}
