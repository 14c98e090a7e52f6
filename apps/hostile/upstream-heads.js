// Has a server send responses of 9,000 fields, over six connections at a time.
// expect: ok | exceededCpu | exceededWallTime
// at once: 4
export default {
  async fetch(request, env, ctx) {
    const read = async () => {
      const response = await fetch('http://127.0.0.77:9377/heads')
      for await (const piece of response.body);
    }
    for (let round = 0; round < 8; round++) await Promise.allSettled(Array.from({ length: 6 }, read))
    return new Response('read')
  },
}
