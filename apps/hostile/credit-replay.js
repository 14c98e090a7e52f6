// Catches what the sandbox runs when a client has taken bytes, and runs it again and again: to send what nobody takes.
// expect: canceled | responseStreamDisconnected | exceededCpu | exceededMemory | internalError
// read: 1500 ms
// at once: 8
const caught = []
let count = 0
Object.defineProperty(Array.prototype, 0, {
  configurable: true,
  set(value) {
    Object.defineProperty(this, 0, { value, writable: true, enumerable: true, configurable: true })
    if (typeof value?.run === 'function') caught[1 + (count++ % 50)] = value.run
  },
})
const chunk = new Uint8Array(65_536).fill(120)

export default {
  async fetch(request, env, ctx) {
    return new Response(
      new ReadableStream({
        pull(controller) {
          for (let i = 1; i < caught.length; i++) caught[i]?.()
          controller.enqueue(chunk.slice())
        },
      }),
    )
  },
}
