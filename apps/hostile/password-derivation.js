// Derives keys from passwords, each with as many iterations as is allowed, and then with more.
// expect: exceededCpu | ok
export default {
  async fetch() {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits'])
    const derive = (iterations, bits) =>
      crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(8), iterations }, key, bits).catch(() => {})
    await derive(2 ** 31, 2 ** 31)
    await derive(4_294_967_295, 256)
    await Promise.all(Array.from({ length: 5000 }, () => derive(100_000, 512)))
    return new Response('derived')
  },
}
