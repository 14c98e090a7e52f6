// Reserves a buffer of 4 GiB and grows into it.
// expect: exceededMemory | exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const buffer = new ArrayBuffer(0, { maxByteLength: 2 ** 32 })
    for (;;) {
      buffer.resize(buffer.byteLength + 16 * 2 ** 20)
      new Uint8Array(buffer, buffer.byteLength - 16 * 2 ** 20).fill(1)
    }
  },
}
