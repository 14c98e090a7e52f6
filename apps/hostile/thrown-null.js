// Throws what is no error: null, from a nested promise.
// expect: exception
export default {
  async fetch(request, env, ctx) {
    await Promise.reject(null)
  },
}
