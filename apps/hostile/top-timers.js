// Sets timers and intervals at start-up.
// expect: ok | startupError
for (let i = 0; i < 100_000; i++) setInterval(() => {}, 0)

export default { fetch: () => new Response('started') }
