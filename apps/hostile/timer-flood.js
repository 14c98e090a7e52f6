// Sets a hundred thousand timers.
// expect: ok | exception | exceededCpu
export default {
  async fetch(request, env, ctx) {
    for (let i = 0; i < 100_000; i++) setTimeout(() => {}, 60_000)
    return new Response('answered')
  },
}
