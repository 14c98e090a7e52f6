// Makes formatters for dates: large objects of ICU, outside of the heap.
// expect: exceededCpu | exceededMemory
export default {
  async fetch(request, env, ctx) {
    const kept = []
    for (;;) kept.push(new Intl.DateTimeFormat('de', { timeZone: 'Europe/Berlin', dateStyle: 'full' }))
  },
}
