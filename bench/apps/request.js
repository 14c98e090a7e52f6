// Reads 20 headers and the URL with its query, as a gateway does.
const NAMES = Array.from({ length: 20 }, (_, i) => `x-header-${i}`)

export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    let length = 0
    for (const name of NAMES) length += request.headers.get(name).length
    return new Response(`${pathname} ${searchParams.get('id')} ${searchParams.get('page')} ${length}\n`)
  },
}
