// Rejects promises that nobody handles.
// expect: ok | exceededCpu | exceededMemory
export default {
  async fetch(request, env, ctx) {
    for (let i = 0; i < 1e6; i++) Promise.reject(new Error(`unhandled ${i}`))
    return new Response('answered')
  },
}
