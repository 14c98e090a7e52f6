// Tees an endless stream and reads one branch only: the other keeps everything.
// expect: exceededMemory | exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const endless = new ReadableStream({ pull: controller => controller.enqueue(new Uint8Array(1e6).fill(1)) })
    const [read, unread] = endless.tee()
    for await (const _ of read);
    return new Response(unread)
  },
}
