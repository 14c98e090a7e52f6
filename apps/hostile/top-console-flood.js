// Logs a million lines at start-up.
// expect: ok | startupError
for (let i = 0; i < 1e6; i++) console.log('line', i)

export default { fetch: () => new Response('started') }
