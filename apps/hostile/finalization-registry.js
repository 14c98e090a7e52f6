// Loops in a FinalizationRegistry callback, when nobody waits for it.
// expect: ok
const registry = new FinalizationRegistry(() => {
  for (;;) {}
})

export default {
  async fetch(request, env, ctx) {
    registry.register({}, 'gone')
    for (let i = 0; i < 100; i++) registry.register(new Array(1000), i)
    return new Response('answered')
  },
}
