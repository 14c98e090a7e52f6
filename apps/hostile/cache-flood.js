// Fills the cache without end, with what it never asks for again.
// expect: exceededCpu | exceededWallTime | exception
export default {
  async fetch() {
    const body = new Uint8Array(1_000_000)
    for (let i = 0; ; i++) {
      await Promise.all(
        Array.from({ length: 6 }, (_, n) => caches.default.put(`https://cached.test/${i}/${n}`, new Response(body))),
      )
    }
  },
}
