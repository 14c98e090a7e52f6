// Sends bodies of 30 MB with fetches that nobody answers, and puts as much into the cache.
// expect: ok | exceededMemory | exceededCpu
const body = new Uint8Array(3e7)

export default {
  async fetch(request, env, ctx) {
    const refused = fetch('http://127.0.0.1/', { method: 'PUT', body }).catch(() => {})
    const put = caches.default.put('https://cached.test/', new Response(body)).catch(() => {})
    await Promise.all([refused, put])
    return new Response('sent')
  },
}
