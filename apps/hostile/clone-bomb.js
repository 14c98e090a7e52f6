// Clones the request again and again.
// expect: exceededMemory | exceededCpu | exception
// request: POST 1000000
export default {
  async fetch(request, env, ctx) {
    const kept = []
    for (;;) kept.push(request.clone())
  },
}
