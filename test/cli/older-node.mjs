// Preloaded to make the shim believe that it runs in an older Node.
Object.defineProperty(process.versions, 'node', { value: '20.0.0' })
