// Holds many requests with long bodies open and reads none of them.
// expect: ok | exceededWallTime
// request: POST 5000000
// at once: 50
export default {
  async fetch(request, env, ctx) {
    await new Promise(resolve => setTimeout(resolve, 300))
    return new Response('answered')
  },
}
