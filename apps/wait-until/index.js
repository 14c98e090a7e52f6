// Work that goes on after the answer: the response does not wait for what ctx.waitUntil() is given.
//   curl http://wait-until.localhost:3080/ && vitrine tail wait-until
const finished = []

export default {
  fetch(request, _env, ctx) {
    const id = crypto.randomUUID().slice(0, 8)
    ctx.waitUntil(writeReport(id, new URL(request.url).pathname))
    return Response.json({ started: id, finished: finished.slice(-5) })
  },
}

async function writeReport(id, path) {
  await new Promise(resolve => setTimeout(resolve, 500))
  finished.push(id)
  if (finished.length > 100) finished.shift()
  console.log(`report ${id} about ${path} is written`)
}
