// Sends the head and half of the body it promised, then nothing.
// expect: canceled | responseStreamDisconnected | exceededWallTime | ok
// read: 2000 ms
export default {
  async fetch(request, env, ctx) {
    return new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('half'))
        },
      }),
      { headers: { 'content-length': '8' } },
    )
  },
}
