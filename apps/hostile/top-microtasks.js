// Queues microtasks without end at start-up.
// expect: startupError
for (;;) await null

export default { fetch: () => new Response('started') }
