// Runs intervals of 0 ms, and answers only after a second.
// expect: ok | exceededCpu | exceededWallTime | exception
export default {
  async fetch(request, env, ctx) {
    for (let i = 0; i < 100; i++) setInterval(() => {}, 0)
    await new Promise(resolve => setTimeout(resolve, 1000))
    return new Response('answered')
  },
}
