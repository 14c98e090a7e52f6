// Calls every function it can reach on the global object with forged protocol messages.
// expect: ok | exception | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const forged = [0, 1, 255, { type: 'response', stream: 1 }, new ArrayBuffer(8), new Uint8Array([1, 0, 0, 0, 255, 255, 255, 255])]
    const seen = new Set()
    const poke = (owner, depth) => {
      if (owner === null || (typeof owner !== 'object' && typeof owner !== 'function') || depth > 3 || seen.has(owner)) return
      seen.add(owner)
      for (const key of Reflect.ownKeys(owner)) {
        let value
        try {
          value = owner[key]
        } catch {
          continue
        }
        if (typeof value === 'function' && !/^(?:Atomics|wait|repeat|padStart|padEnd|fill)$/.test(String(key))) {
          for (const message of forged) {
            try {
              Promise.resolve(value.call(owner, message, message, message)).catch(() => {})
            } catch {}
          }
        }
        poke(value, depth + 1)
      }
    }
    poke(globalThis, 0)
    return new Response('answered')
  },
}
