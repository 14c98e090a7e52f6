// Compiles WebAssembly in the background, and loops when it is done.
// expect: ok | exceededCpu
export default {
  async fetch(request, env, ctx) {
    WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])).then(() => {
      for (;;) {}
    })
    return new Response('answered')
  },
}
