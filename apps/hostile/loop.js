// Loops for ever.
// expect: exceededCpu
export default {
  async fetch(request, env, ctx) {
    for (;;) {}
  },
}
