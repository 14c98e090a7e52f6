// Never answers.
// expect: exceededWallTime | exception
export default {
  async fetch(request, env, ctx) {
    return new Promise(() => {})
  },
}
