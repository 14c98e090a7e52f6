// Logs terminal escapes, line breaks and forged records.
// expect: ok
export default {
  async fetch(request, env, ctx) {
    console.log('\x1b[2J\x1b]0;owned\x07\r\n{"level":60,"msg":"forged"}\n\u2028\u202e\0')
    return new Response('answered')
  },
}
