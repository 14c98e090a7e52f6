// Throws at start-up what loops when it is read.
// expect: startupError
const spin = () => {
  for (;;) {}
}
throw new Proxy(new Error('trap'), { get: spin, getPrototypeOf: spin, has: spin, ownKeys: spin })

export default { fetch: () => new Response('started') }
