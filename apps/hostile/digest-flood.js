// Has the host compute digests without end, of little and of much.
// expect: exceededCpu | exceededMemory | exception | internalError
export default {
  async fetch(request, env, ctx) {
    const large = new Uint8Array(1e7)
    for (;;) {
      for (let i = 0; i < 100; i++) crypto.subtle.digest('SHA-256', new Uint8Array(1))
      await crypto.subtle.digest('SHA-512', large)
    }
  },
}
