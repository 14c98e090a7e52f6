// Recurses at start-up until the stack ends.
// expect: startupError
const deeper = () => 1 + deeper()
deeper()

export default { fetch: () => new Response('started') }
