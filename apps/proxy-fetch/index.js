// Outbound fetch: passes requests on to an upstream and streams the answer back with a header of its own.
//   curl -i 'http://proxy-fetch.localhost:3080/?name=proxy'
export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url)
    const target = new URL(pathname + search, env.UPSTREAM)
    try {
      const answer = await fetch(target, { method: request.method, body: request.body })
      const headers = new Headers(answer.headers)
      headers.set('x-proxied-from', target.origin)
      return new Response(answer.body, { status: answer.status, headers })
    } catch (error) {
      return Response.json({ error: `${target.origin} cannot be reached: ${error.message}` }, { status: 502 })
    }
  },
}
