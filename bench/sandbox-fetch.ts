/** What the Request and Response of one small request cost inside an isolate. `npx node --no-node-snapshot bench/sandbox-fetch.ts` */
import { openSandbox } from '../test/support/isolate.ts'

await using sandbox = await openSandbox(`
  export { Headers } from './headers.ts'
  export { createIncomingRequest } from './request.ts'
  export { Response, readResponse } from './response.ts'
`)

const TEN_HEADERS =
  'host\\nhello.localhost\\nuser-agent\\ncurl/8.5\\naccept\\n*/*\\naccept-encoding\\ngzip\\ncookie\\na=b\\n' +
  'x-forwarded-for\\n127.0.0.1\\nx-forwarded-proto\\nhttp\\nx-request-id\\n1234\\ncf-connecting-ip\\n127.0.0.1\\ncontent-type\\ntext/plain\\n'

const CASES = {
  "new Response('hello') and readResponse": "readResponse(new Response('hello')).status",
  'a Response with a status and two headers, and readResponse':
    "readResponse(new Response('hello', { status: 201, headers: { 'content-type': 'text/html', 'x-a': 'b' } })).status",
  'Response.json and readResponse': "readResponse(Response.json({ hello: 'world' })).status",
  'createIncomingRequest and method': "createIncomingRequest('GET', 'http://a/', text, null).method.length",
  'createIncomingRequest and one of ten headers':
    "createIncomingRequest('GET', 'http://a/', text, null).headers.get('accept').length",
  'ten headers iterated': "[...createIncomingRequest('GET', 'http://a/', text, null).headers].length",
}

for (const [name, expression] of Object.entries(CASES)) {
  const nanoseconds = await sandbox.run(`(() => {
    const { Response, readResponse, createIncomingRequest } = sandbox
    const text = '${TEN_HEADERS}'
    const run = count => { let sum = 0; for (let i = 0; i < count; i++) sum += ${expression}; return sum }
    run(50_000)
    const counts = 300_000
    let best = Infinity
    for (let repeat = 0; repeat < 5; repeat++) {
      const start = Date.now()
      run(counts)
      best = Math.min(best, Date.now() - start)
    }
    return best * 1e6 / counts
  })()`)
  console.log(`${name}: ${Math.round(nanoseconds as number)} ns`)
}
