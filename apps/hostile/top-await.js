// Waits at start-up for what never comes.
// expect: startupError
await new Promise(() => {})

export default { fetch: () => new Response('started') }
