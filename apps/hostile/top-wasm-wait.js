// Blocks the thread in WebAssembly at start-up.
// expect: startupError
const WAIT = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 7, 5, 1, 1, 102, 0, 0, 10, 15, 1, 13,
  0, 65, 0, 65, 0, 66, 127, 254, 1, 2, 0, 26, 11,
])
new WebAssembly.Instance(new WebAssembly.Module(WAIT)).exports.f()

export default { fetch: () => new Response('woken') }
