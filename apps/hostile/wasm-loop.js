// Loops for ever in WebAssembly.
// expect: exceededCpu
// (module (func (export "loop") (loop $again (br $again))))
const LOOP = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 108, 111, 111, 112, 0, 0, 10, 9, 1, 7, 0, 3,
  64, 12, 0, 11, 11,
])

export default {
  async fetch(request, env, ctx) {
    new WebAssembly.Instance(new WebAssembly.Module(LOOP)).exports.loop()
    return new Response('ended')
  },
}
