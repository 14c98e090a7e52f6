// Reads the whole body as text and sends it back.
export default {
  async fetch(request) {
    return new Response(await request.text())
  },
}
