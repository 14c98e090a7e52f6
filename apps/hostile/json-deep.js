// Parses JSON nested ten million deep.
// expect: exception | exceededMemory | exceededCpu
export default {
  async fetch(request, env, ctx) {
    return Response.json(JSON.parse('['.repeat(1e7)))
  },
}
