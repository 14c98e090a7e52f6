// Has a bundle of 24 MB, and does not start: each attempt is a deploy of its own.
// expect: startupError
// bundle: 24000000
throw new Error('no')

export default { fetch: () => new Response('started') }
