// Throws errors whose stacks are line breaks: a regular expression that reads them might take their number squared.
// expect: exception
export default {
  async fetch(request, env, ctx) {
    const error = () => Object.assign(new Error('x'), { stack: '\n'.repeat(16_000) })
    for (let i = 0; i < 4; i++) ctx.waitUntil(Promise.reject(error()))
    throw error()
  },
}
