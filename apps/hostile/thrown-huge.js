// Throws an error with a message of 100 million characters.
// expect: exception | exceededMemory | exceededCpu
export default {
  async fetch(request, env, ctx) {
    throw new Error('x'.repeat(1e8))
  },
}
