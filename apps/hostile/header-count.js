// Answers with a hundred thousand headers.
// expect: exception | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const headers = new Headers()
    for (let i = 0; i < 100_000; i++) headers.append(`x-${i}`, 'value')
    return new Response('answered', { headers })
  },
}
