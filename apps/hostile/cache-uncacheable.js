// Has the cache read what it may not keep, without end: it does not.
// expect: ok
export default {
  async fetch() {
    const endless = new ReadableStream({ pull: controller => controller.enqueue(new Uint8Array(65_536)) })
    await caches.default.put('https://cached.test/', new Response(endless, { headers: { 'cache-control': 'no-store' } }))
    return new Response('put')
  },
}
