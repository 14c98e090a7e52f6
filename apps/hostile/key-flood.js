// Has a thousand RSA keys generated at once.
// expect: exceededCpu | exceededWallTime
export default {
  async fetch() {
    const algorithm = { name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]) }
    await Promise.all(Array.from({ length: 1000 }, () => crypto.subtle.generateKey(algorithm, false, ['sign'])))
    return new Response('generated')
  },
}
