// Queues microtasks without end, so that no other event is ever served.
// expect: exceededCpu
export default {
  async fetch(request, env, ctx) {
    for (;;) await null
  },
}
