// Grows arrays at start-up.
// expect: startupError
const kept = []
for (;;) kept.push(new Array(1000).fill(1))

export default { fetch: () => new Response('started') }
