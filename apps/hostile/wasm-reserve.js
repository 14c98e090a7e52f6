// Reserves address space: memories with a maximum of 4 GiB, never touched.
// expect: exception | exceededMemory | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const kept = []
    for (;;) kept.push(new WebAssembly.Memory({ initial: 0, maximum: 65536 }))
  },
}
