// Makes a thousand fetches at once.
// expect: ok | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const results = await Promise.allSettled(Array.from({ length: 1000 }, (_, i) => fetch(`http://127.0.0.1:9/${i}`)))
    return Response.json(results.filter(({ status }) => status === 'rejected').length)
  },
}
