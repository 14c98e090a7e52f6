// Answers with statuses that HTTP does not have.
// expect: exception
export default {
  async fetch(request, env, ctx) {
    const response = new Response('x')
    Object.defineProperty(response, 'status', { value: 99999 })
    for (const status of [0, 99, 1000, -1, Number.NaN]) {
      try {
        return new Response('x', { status })
      } catch {}
    }
    throw new Error('refused, as it should be')
  },
}
