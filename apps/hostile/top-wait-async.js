// Asks at start-up to be woken outside of every request, and loops then.
// expect: ok | startupError
const cell = new Int32Array(new SharedArrayBuffer(4))
const wake = () => Atomics.waitAsync(cell, 0, 0, 1).value.then(() => {
  for (const end = Date.now() + 50; Date.now() < end; );
  wake()
})
wake()

export default { fetch: () => new Response('answered') }
