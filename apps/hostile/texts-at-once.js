// Answers many clients at once with texts as long as leave in one piece, whose characters are three bytes each.
// expect: ok
// status: 200
// at once: 200
const text = 'あ'.repeat(131_072)

export default {
  async fetch(request, env, ctx) {
    return new Response(text)
  },
}
