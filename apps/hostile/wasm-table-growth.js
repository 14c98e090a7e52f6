// Grows WebAssembly tables.
// expect: exceededMemory | exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const kept = []
    for (;;) kept.push(new WebAssembly.Table({ element: 'externref', initial: 1e6 }))
  },
}
