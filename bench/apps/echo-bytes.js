// Reads the whole body as bytes and sends it back.
export default {
  async fetch(request) {
    return new Response(await request.arrayBuffer())
  },
}
