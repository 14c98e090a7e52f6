// Reads the whole body as bytes and sends it back, under the name that text has: that is all that tells the two apart.
const headers = { 'content-type': 'text/plain;charset=UTF-8' }

export default {
  async fetch(request) {
    return new Response(await request.arrayBuffer(), { headers })
  },
}
