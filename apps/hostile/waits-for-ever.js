// Answers, and gives waitUntil a promise that stays pending.
// expect: ok
export default {
  async fetch(request, env, ctx) {
    ctx.waitUntil(new Promise(() => {}))
    return new Response('answered')
  },
}
