// Answers, and loops for ever in waitUntil.
// expect: ok | exceededCpu
export default {
  async fetch(request, env, ctx) {
    ctx.waitUntil(new Promise(resolve => setTimeout(resolve, 50)).then(() => {
      for (;;) {}
    }))
    return new Response('answered')
  },
}
