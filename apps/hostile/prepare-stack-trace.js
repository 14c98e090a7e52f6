// Loops when somebody reads the stack of what was thrown.
// expect: exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    Error.prepareStackTrace = () => {
      for (;;) {}
    }
    throw new Error('read my stack')
  },
}
