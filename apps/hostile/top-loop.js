// Loops for ever at start-up.
// expect: startupError
for (;;) {}

export default { fetch: () => new Response('started') }
