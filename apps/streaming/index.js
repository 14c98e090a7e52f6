// A response that is sent while it is made: server-sent events, one each 200 ms. It stops when the client leaves.
//   curl -N 'http://streaming.localhost:3080/?count=5'
export default {
  fetch(request) {
    const asked = Number(new URL(request.url).searchParams.get('count') ?? 10)
    const count = Math.min(Math.max(Math.trunc(asked) || 1, 1), 100)
    return new Response(ticks(count), {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
    })
  },
}

function ticks(count) {
  const encoder = new TextEncoder()
  let sent = 0
  return new ReadableStream({
    async pull(controller) {
      if (sent > 0) await new Promise(resolve => setTimeout(resolve, 200))
      sent++
      controller.enqueue(encoder.encode(`id: ${sent}\ndata: tick ${sent} of ${count}\n\n`))
      if (sent === count) controller.close()
    },
    cancel() {
      console.log(`the client left after ${sent} of ${count} ticks`)
    },
  })
}
