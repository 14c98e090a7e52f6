// Unpacks a megabyte that holds a gigabyte, and keeps it.
// expect: exceededMemory | exceededCpu
export default {
  async fetch() {
    const pack = new CompressionStream('gzip')
    const packed = new Response(pack.readable).arrayBuffer()
    const writer = pack.writable.getWriter()
    for (let i = 0; i < 1000; i++) await writer.write(new Uint8Array(1e6))
    await writer.close()
    const bomb = new Response(await packed).body.pipeThrough(new DecompressionStream('gzip'))
    await new Response(bomb).arrayBuffer()
    return new Response('unpacked')
  },
}
