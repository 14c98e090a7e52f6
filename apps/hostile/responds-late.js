// Answers after a day.
// expect: exceededWallTime
export default {
  async fetch(request, env, ctx) {
    await new Promise(resolve => setTimeout(resolve, 86_400_000))
    return new Response('late')
  },
}
