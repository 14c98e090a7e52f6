// Imports ten thousand modules that are not there.
// expect: ok | exception | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const results = await Promise.allSettled(Array.from({ length: 10_000 }, (_, i) => import(`./missing-${i}.js`)))
    return new Response(String(results.length))
  },
}
