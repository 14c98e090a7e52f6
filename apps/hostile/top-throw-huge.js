// Throws at start-up an error with a message of two million characters, longer than any frame to the platform.
// expect: startupError
throw new Error('x'.repeat(2e6))

export default { fetch: () => new Response('started') }
