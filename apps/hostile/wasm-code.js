// Compiles WebAssembly functions of 20,000 instructions, each a little different: machine code, outside of the heap.
// expect: exceededCpu | exceededMemory | ok
// times: 5
const kept = []
const varint = number => (number < 128 ? [number] : [(number & 127) | 128, ...varint(number >>> 7)])
let seed = 0

const moduleBytes = () => {
  const body = [0]
  for (let i = 0; i < 20_000; i++) body.push(0x41, (seed + i) & 63, 0x1a)
  seed++
  body.push(0x0b)
  const code = [1, ...varint(body.length), ...body]
  const head = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0]
  return new Uint8Array([...head, 10, ...varint(code.length), ...code])
}

export default {
  async fetch(request, env, ctx) {
    for (let i = 0; i < 10; i++) {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()))
      instance.exports.f()
      kept.push(instance)
    }
    return new Response(String(kept.length))
  },
}
