// Shows a request as an app sees it: method, URL, headers, query, and how long its body is.
//   curl -d 'some body' -H 'x-custom: 1' 'http://inspect.localhost:3080/path?a=1&a=2'
export default {
  async fetch(request) {
    const url = new URL(request.url)
    let bodyBytes = 0
    if (request.body) for await (const chunk of request.body) bodyBytes += chunk.byteLength
    const seen = {
      method: request.method,
      url: url.href,
      query: [...url.searchParams],
      headers: Object.fromEntries(request.headers),
      bodyBytes,
    }
    return new Response(`${JSON.stringify(seen, null, 2)}\n`, {
      headers: { 'content-type': 'application/json', 'x-method': request.method },
    })
  },
}
