// Compiles regular expressions of sixty thousand nested parts, each new.
// expect: exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    for (let i = 0; ; i++) new RegExp(`(${'a?'.repeat(30_000)})${i}`).test('aaaa')
  },
}
