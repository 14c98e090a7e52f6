// Fills an array of a thousand million elements at start-up.
// expect: startupError
const filled = new Array(1e9).fill(1)
globalThis.filled = filled

export default { fetch: () => new Response('started') }
