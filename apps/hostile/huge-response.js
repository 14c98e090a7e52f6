// Answers with a gigabyte, streamed.
// expect: ok | exceededCpu
export default {
  async fetch(request, env, ctx) {
    let left = 16_384
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (left-- === 0) controller.close()
          else controller.enqueue(new Uint8Array(65_536))
        },
      }),
    )
  },
}
