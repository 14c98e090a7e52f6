// Has V8 find during a request that something has gone, and loops when it is told of that, in a microtask of it.
// expect: ok | exceededCpu
const registry = new FinalizationRegistry(loops => {
  if (loops) for (;;) {}
  Promise.resolve().then(() => {
    for (;;) {}
  })
})

export default {
  async fetch(request, env, ctx) {
    for (let i = 0; i < 100; i++) registry.register(new Array(1000), i % 2 === 0)
    let kept = []
    for (let i = 0; i < 60; i++) {
      kept.push(new Array(100_000).fill(i))
      if (kept.length > 6) kept = []
    }
    return new Response('x'.repeat(100_000))
  },
}
