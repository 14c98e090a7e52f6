// Blocks the thread at start-up without using CPU time.
// expect: startupError
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)

export default { fetch: () => new Response('started') }
