// Makes WebAssembly memories at start-up.
// expect: startupError
const kept = []
for (;;) {
  const memory = new WebAssembly.Memory({ initial: 256 })
  new Uint8Array(memory.buffer).fill(1)
  kept.push(memory)
}

export default { fetch: () => new Response('started') }
