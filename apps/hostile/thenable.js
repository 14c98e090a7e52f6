// Answers with a thenable that resolves to itself for ever.
// expect: exceededCpu
export default {
  async fetch(request, env, ctx) {
    const endless = { then: resolve => resolve(endless) }
    return endless
  },
}
