// Puts accessors on Object.prototype that loop, under the names of options and messages.
// expect: ok | exception | exceededCpu
export default {
  async fetch(request, env, ctx) {
    for (const key of ['then', 'status', 'headers', 'body', 'type', 'id', 'kind', 'signal', 'value', 'done', 'get']) {
      Object.defineProperty(Object.prototype, key, {
        configurable: true,
        get() {
          for (;;) {}
        },
      })
    }
    return new Response('answered')
  },
}
