// Puts a gigabyte into a stream at once, whether or not somebody reads.
// expect: exceededMemory | exceededCpu | exception | canceled | responseStreamDisconnected
// read: never
export default {
  async fetch(request, env, ctx) {
    return new Response(
      new ReadableStream({
        start(controller) {
          for (let i = 0; i < 1000; i++) controller.enqueue(new Uint8Array(2 ** 20).fill(i))
          controller.close()
        },
      }),
    )
  },
}
