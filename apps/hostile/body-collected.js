// Has bodies of 100 MB handed over whole, as text and as bytes.
// expect: ok | exceededMemory | exceededCpu
// request: POST 100000000
let turn = 0

export default {
  async fetch(request, env, ctx) {
    const body = turn++ % 2 ? await request.text() : await request.arrayBuffer()
    return new Response(String(body.length ?? body.byteLength))
  },
}
