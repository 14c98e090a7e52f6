// Backtracks exponentially at start-up.
// expect: startupError
/^(a+)+$/.test(`${'a'.repeat(40)}!`)

export default { fetch: () => new Response('started') }
