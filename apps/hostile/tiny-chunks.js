// Streams a million chunks of one byte.
// expect: ok | exceededCpu
export default {
  async fetch(request, env, ctx) {
    let left = 1e6
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (left-- === 0) controller.close()
          else controller.enqueue(new Uint8Array(1))
        },
      }),
    )
  },
}
