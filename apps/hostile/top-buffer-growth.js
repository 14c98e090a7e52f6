// Allocates ArrayBuffers at start-up.
// expect: startupError
const kept = []
for (;;) kept.push(new Uint8Array(16 * 2 ** 20).fill(1))

export default { fetch: () => new Response('started') }
