// Exports a proxy whose traps loop.
// expect: startupError
const spin = () => {
  for (;;) {}
}

export default new Proxy({}, { get: spin, has: spin, ownKeys: spin, getOwnPropertyDescriptor: spin })
