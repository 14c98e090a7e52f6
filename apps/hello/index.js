// The smallest app: an ES module whose `fetch` answers each request. GREETING comes from wrangler.toml.
//   curl 'http://hello.localhost:3080/?name=Ada'
export default {
  fetch(request, env) {
    const name = new URL(request.url).searchParams.get('name') ?? 'world'
    return new Response(`${env.GREETING}, ${name}!\n`)
  },
}
