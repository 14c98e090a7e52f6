// Answers clients that do not read with long texts whose characters are three bytes each.
// expect: canceled | responseStreamDisconnected | exceededMemory | exceededCpu
// read: never
// at once: 20
const text = 'あ'.repeat(1e7)

export default {
  async fetch(request, env, ctx) {
    return new Response(text)
  },
}
