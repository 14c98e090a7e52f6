// Answers with a string of half a gigabyte.
// expect: exceededMemory | exceededCpu | exception | ok | responseStreamDisconnected
export default {
  async fetch(request, env, ctx) {
    return new Response('x'.repeat(2 ** 29 - 100))
  },
}
