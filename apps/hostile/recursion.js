// Recurses until the stack ends, over and over.
// expect: exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const deeper = () => 1 + deeper()
    for (;;) {
      try {
        deeper()
      } catch {}
    }
  },
}
