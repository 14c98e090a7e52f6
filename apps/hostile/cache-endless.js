// Puts responses that never end into the cache.
// expect: exception | exceededCpu
export default {
  async fetch() {
    const endless = () => new ReadableStream({ pull: controller => controller.enqueue(new Uint8Array(65_536)) })
    await Promise.all(
      Array.from({ length: 6 }, (_, n) => caches.default.put(`https://cached.test/${n}`, new Response(endless()))),
    )
    return new Response('put')
  },
}
