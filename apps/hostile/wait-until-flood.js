// Gives waitUntil a million promises.
// expect: ok | exceededCpu | exceededMemory
export default {
  async fetch(request, env, ctx) {
    for (let i = 0; i < 1e6; i++) ctx.waitUntil(new Promise(resolve => setTimeout(resolve, 1000)))
    return new Response('answered')
  },
}
