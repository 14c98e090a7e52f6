// Doubles a string until it is too long, and flattens it.
// expect: exception | exceededMemory | exceededCpu
export default {
  async fetch(request, env, ctx) {
    let text = 'x'
    for (;;) {
      text += text
      if (text.length > 2 ** 27) text.charCodeAt(0)
    }
  },
}
