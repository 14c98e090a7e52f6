// Sets timers, each due before the one before, so that the platform might arm its clock for each.
// expect: ok | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const end = Date.now() + 150
    for (let delay = 1e9; Date.now() < end; delay--) clearTimeout(setTimeout(() => {}, delay))
    return new Response('answered')
  },
}
