// State in module scope: it lives as long as the instance, and each instance has its own. A deploy, two idle
// minutes or a second instance start from zero, so it is good for caches and wrong for bank accounts.
//   curl http://counter.localhost:3080/apples
const COUNTERS_MAX = 1000
const counts = new Map()
let firstRequestAt

export default {
  fetch(request) {
    firstRequestAt ??= Date.now()
    const name = new URL(request.url).pathname
    if (!counts.has(name) && counts.size >= COUNTERS_MAX) counts.clear()
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return Response.json({ name, count, sinceFirstRequestMs: Date.now() - firstRequestAt })
  },
}
