// Squares a BigInt: one multiplication takes minutes and looks at no interrupt.
// expect: exceededCpu | exceededMemory | exception
export default {
  async fetch(request, env, ctx) {
    let number = 3n
    for (;;) number *= number
  },
}
