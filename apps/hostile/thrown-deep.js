// Throws an error with a chain of a million causes.
// expect: exception | exceededCpu | exceededMemory
export default {
  async fetch(request, env, ctx) {
    let error = new Error('root')
    for (let i = 0; i < 1e6; i++) error = new Error('next', { cause: error })
    throw error
  },
}
