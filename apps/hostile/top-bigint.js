// Squares a BigInt at start-up.
// expect: startupError
let number = 3n
for (;;) number *= number

export default { fetch: () => new Response('started') }
