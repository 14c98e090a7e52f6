// Streams without end to a client that does not read.
// expect: canceled | responseStreamDisconnected | exceededCpu
// read: never
export default {
  async fetch(request, env, ctx) {
    const chunk = new Uint8Array(65_536).fill(120)
    return new Response(new ReadableStream({ pull: controller => controller.enqueue(chunk.slice()) }))
  },
}
