// Fetches at start-up, where there is no request to do it for.
// expect: ok | startupError
const answer = await fetch('http://127.0.0.1:3081/').catch(error => error)
console.log(answer)

export default { fetch: () => new Response('started') }
