// Throws at start-up.
// expect: startupError
throw new Error('not today')

export default { fetch: () => new Response('started') }
