// Rejects a promise with an error whose message, when somebody asks for it, leaves a loop of microtasks behind.
// expect: ok | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const error = new Error('never read')
    Object.defineProperty(error, 'message', {
      get() {
        Promise.resolve().then(() => {
          for (;;) {}
        })
        return 'read'
      },
    })
    Promise.reject(error)
    return new Response('x'.repeat(100_000))
  },
}
