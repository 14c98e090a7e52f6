// Reads a body of 100 MB into memory, twice.
// expect: exceededMemory | exceededCpu | exceededWallTime | ok | exception
// request: POST 100000000
export default {
  async fetch(request, env, ctx) {
    const copy = request.clone()
    const texts = await Promise.all([request.text(), copy.text()])
    return new Response(String(texts.join('').length))
  },
}
