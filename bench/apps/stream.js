// 1 MB in 16 chunks, each made when there is room for it.
const CHUNKS = 16
const chunk = new Uint8Array(65_536).fill(120)

export default {
  fetch() {
    let sent = 0
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ < CHUNKS) controller.enqueue(chunk.slice())
        else controller.close()
      },
    })
    return new Response(body, { headers: { 'content-type': 'application/octet-stream' } })
  },
}
