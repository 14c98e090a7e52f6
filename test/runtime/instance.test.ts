import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { startRuntime, TestExchange, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime
let upstream: Server
let upstreamUrl: string

before(async () => {
  runtime = await startRuntime()
  upstream = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    response.setHeader('x-method', request.method!)
    response.setHeader('set-cookie', ['a=1', 'b=2'])
    response.end(Buffer.concat(chunks))
  })
  await new Promise<void>(resolve => upstream.listen(0, '127.0.0.1', resolve))
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`
})

after(async () => {
  upstream.closeAllConnections()
  upstream.close()
  await runtime[Symbol.asyncDispose]()
})

async function run(handler: string, options: Parameters<TestRuntime['fetch']>[2] = {}, spec = {}) {
  const started = await runtime.start(
    `export default { async fetch(request, env, ctx) { ${handler} } }`,
    spec,
  )
  assert.equal(started.outcome, 'ok', JSON.stringify(started))
  const answer = await runtime.fetch(started.instance, 'http://app.test/path?q=1', options)
  return { ...answer, text: answer.body.toString(), instance: started.instance }
}

test('a request reaches the app with its method, URL, headers and variables', async () => {
  const { status, headers, text } = await run(
    `return Response.json([request.method, request.url, request.headers.get('x-a'), env.GREETING], { status: 201 })`,
    { headers: ['x-a', 'b'] },
    { vars: { GREETING: 'hi' } },
  )

  assert.equal(status, 201)
  assert.deepEqual(headers, ['content-type', 'application/json'])
  assert.deepEqual(JSON.parse(text), ['GET', 'http://app.test/path?q=1', 'b', 'hi'])
})

for (const [name, handler] of Object.entries({
  text: 'return new Response(await request.text())',
  bytes: 'return new Response(await request.arrayBuffer())',
  'the stream itself': 'return new Response(request.body)',
  'a stream read by the app': `const { readable, writable } = new TransformStream()
    request.body.pipeTo(writable); return new Response(readable)`,
})) {
  test(`a megabyte echoed as ${name} comes back whole`, async () => {
    const body = Buffer.alloc(1_000_000, 'abcdefghij')

    const answer = await run(handler, { method: 'POST', body })

    assert.equal(answer.failure, null)
    assert(answer.body.equals(body))
  })
}

test('text with characters of every width comes back as it was', async () => {
  const body = Buffer.from('añ€🎈'.repeat(60_000))

  const answer = await run('return new Response(await request.text())', { method: 'POST', body })

  assert(answer.body.equals(body))
})

test('fetch sends and brings method, headers, cookies and body', async () => {
  const { text } = await run(`
    const response = await fetch('${upstreamUrl}', { method: 'PUT', body: 'up', headers: { 'x-b': '1' } })
    return Response.json([response.status, response.headers.get('x-method'), response.headers.getSetCookie(), await response.text()])`)

  assert.deepEqual(JSON.parse(text), [200, 'PUT', ['a=1', 'b=2'], 'up'])
})

test('a fetched response is passed on without entering the isolate', async () => {
  const { status, text } = await run(
    `return fetch('${upstreamUrl}', { method: 'POST', body: request.body })`,
    {
      method: 'POST',
      body: Buffer.from('through and through'),
    },
  )

  assert.equal(status, 200)
  assert.equal(text, 'through and through')
})

test('a private address is refused, and the app can tell', async () => {
  const { text } = await run(
    `try { await fetch('http://10.0.0.1/') } catch (error) { return new Response(error.name + error.message) }`,
  )

  assert.match(text, /^TypeError.*10\.0\.0\.1/)
})

test('subrequests beyond the limits are refused, and the app can tell', async () => {
  const { text } = await run(
    `const results = await Promise.allSettled(Array.from({ length: 8 }, () => fetch('${upstreamUrl}')))
     for (let i = 0; i < 4; i++) await fetch('${upstreamUrl}')
     const last = await fetch('${upstreamUrl}').catch(error => error.message)
     return Response.json([results.filter(r => r.status === 'rejected').length, last])`,
    {},
    { limits: { subrequests: 10, subrequestsAtOnce: 6 } },
  )

  assert.deepEqual(JSON.parse(text), [2, 'A request may make 10 subrequests.'])
})

test('what waitUntil holds runs on after the response', async () => {
  const before = runtime.notices.length
  await run(
    `ctx.waitUntil(scheduler.wait(30).then(() => console.log('afterwards'))); return new Response('now')`,
  )

  await until(() =>
    runtime.notices.slice(before).some(notice => notice.type === 'log' && notice.message === 'afterwards'),
  )
})

test('what an app said in the call that ends it is told, of a request and of its top level', async () => {
  const before = runtime.notices.length
  const said = () =>
    runtime.notices.slice(before).flatMap(notice => (notice.type === 'log' ? [notice.message] : []))
  const { failure } = await run(`console.log('about to spin', request.method); for (;;);`)
  await runtime.start(`console.warn('starting badly'); for (;;);`)

  assert.equal(failure?.outcome, 'exceededCpu')
  assert.deepEqual(said(), ['about to spin GET', 'starting badly'])
})

test("an exception is told to the client as such and to the developer with the app's own stack", async () => {
  const before = runtime.notices.length
  const { failure } = await run(`function deep() { throw new RangeError('boom') }\n deep()`)

  assert.deepEqual(failure, { outcome: 'exception', message: 'RangeError: boom' })
  const logged = runtime.notices.slice(before).find(notice => notice.type === 'log')
  assert(logged?.type === 'log' && logged.kind === 'exception')
  assert.match(logged.message, /^RangeError: boom\n {4}at deep \(index\.js:1:\d+\)/)
  assert(!logged.message.includes('vitrine:'))
})

test('a rejection that nobody handles is told to the developer and fails nothing', async () => {
  const before = runtime.notices.length
  const { text } = await run(`Promise.reject(new Error('forgotten')); return new Response('fine')`)

  assert.equal(text, 'fine')
  await until(() =>
    runtime.notices
      .slice(before)
      .some(
        notice => notice.type === 'log' && notice.message.startsWith('Unhandled rejection: Error: forgotten'),
      ),
  )
})

test('an endless loop costs its request the limit, and the instance its life', async () => {
  const { failure } = await run('for (;;) {}', {}, { limits: { cpuMs: 50 } })

  assert.equal(failure?.outcome, 'exceededCpu')
  assert.equal(runtime.ended.at(-1)?.reason, 'exceededCpu')
})

test('only the request that loops is blamed: the ones before it have answered, those behind it were not begun', async () => {
  const { instance } = await runtime.start(
    `export default { fetch(request) { if (request.url.endsWith('/loop')) for (;;); return new Response('fine') } }`,
    { limits: { cpuMs: 50 } },
  )

  const [before, guilty, behind] = await Promise.all([
    runtime.fetch(instance, 'http://app.test/'),
    runtime.fetch(instance, 'http://app.test/loop'),
    runtime.fetch(instance, 'http://app.test/'),
  ])

  assert.equal(guilty.failure?.outcome, 'exceededCpu')
  assert.equal(before.body.toString(), 'fine')
  assert.deepEqual(behind.failure, { outcome: 'internalError', message: 'untouched' })
})

test('a client that leaves aborts the request in the app', async () => {
  const before = runtime.notices.length
  const { instance } = await runtime.start(`export default { async fetch(request) {
    request.signal.addEventListener('abort', () => console.log('the client left'))
    console.log('waiting'); await scheduler.wait(60000) } }`)
  const exchange = new TestExchange('http://app.test/')
  runtime.client.send(instance, exchange)
  await until(() => runtime.notices.slice(before).some(notice => notice.type === 'log'))

  runtime.client.abort(exchange)

  await until(() =>
    runtime.notices
      .slice(before)
      .some(notice => notice.type === 'log' && notice.message === 'the client left'),
  )
  assert.equal(exchange.link, null)
})

test('log lines beyond the limit are dropped, and the limit is told', async () => {
  const before = runtime.notices.length
  await run(
    `for (let i = 0; i < 1000; i++) console.log('line', i); return new Response()`,
    {},
    { limits: { logLinesPerRequest: 10 } },
  )

  const notices = runtime.notices.slice(before)
  assert.equal(notices.filter(notice => notice.type === 'log').length, 10)
  assert(notices.some(notice => notice.type === 'limit' && notice.limit === 'log_lines'))
})

test('a service worker answers by respondWith', async () => {
  const started = await runtime.start(
    [
      {
        name: 'worker.js',
        type: 'script',
        content: Buffer.from(
          `addEventListener('fetch', event => event.respondWith(new Response('classic ' + KEY)))`,
        ),
      },
    ],
    { syntax: 'service-worker', vars: { KEY: 'value' } },
  )

  const { body } = await runtime.fetch(started.instance, 'http://app.test/')

  assert.equal(body.toString(), 'classic value')
})

test('modules of every type are imported under their names', async () => {
  const wasm = Buffer.from(
    '0061736d0100000001060160017f017f030201000707010374776f00000a09010700200041016a0b',
    'hex',
  )
  const started = await runtime.start(
    [
      {
        name: 'index.js',
        type: 'esm',
        content:
          Buffer.from(`import { add } from './lib/add.js'; import text from './note.txt'; import data from './raw.bin'
        import json from './conf.json'; import module from './inc.wasm'; import { env } from 'cloudflare:workers'
        export default { fetch() {
          const { two } = new WebAssembly.Instance(module).exports
          return Response.json([add(1, 2), text, data.byteLength, json.a, two(41), env.V]) } }`),
      },
      {
        name: 'lib/add.js',
        type: 'esm',
        content: Buffer.from(`import { plus } from './plus.js'; export const add = (a, b) => plus(a, b)`),
      },
      { name: 'lib/plus.js', type: 'esm', content: Buffer.from('export const plus = (a, b) => a + b') },
      { name: 'note.txt', type: 'text', content: Buffer.from('a note') },
      { name: 'raw.bin', type: 'data', content: Buffer.from([1, 2, 3]) },
      { name: 'conf.json', type: 'json', content: Buffer.from('{"a":true}') },
      { name: 'inc.wasm', type: 'wasm', content: wasm },
    ],
    { vars: { V: 'var' } },
  )
  assert.equal(started.outcome, 'ok', JSON.stringify(started))

  const { body } = await runtime.fetch(started.instance, 'http://app.test/')

  assert.deepEqual(JSON.parse(body.toString()), [3, 'a note', 3, true, 42, 'var'])
})

test('a class that extends WorkerEntrypoint serves', async () => {
  const { instance } = await runtime.start(
    `import { WorkerEntrypoint } from 'cloudflare:workers'
    export default class extends WorkerEntrypoint { fetch(request) { return new Response(this.env.V + request.method) } }`,
    { vars: { V: 'v' } },
  )

  assert.equal((await runtime.fetch(instance, 'http://app.test/')).body.toString(), 'vGET')
})

test('random bytes differ between instances and digests are right', async () => {
  const handler = `const random = [...crypto.getRandomValues(new Uint8Array(8))].join()
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc')))
    return Response.json([random, [...digest.subarray(0, 4)]])`
  const [first, second] = await Promise.all([run(handler), run(handler)])

  const [a, b] = [JSON.parse(first.text), JSON.parse(second.text)]
  assert.notEqual(a[0], b[0])
  assert.deepEqual(a[1], [0xba, 0x78, 0x16, 0xbf])
})

test('an isolate that V8 cannot end is given up with the right request to blame, and the process with it', async () => {
  await using doomed = await startRuntime()
  const { instance } = await doomed.start(
    `export default { fetch() { const a = []; for (;;) a.push(new Array(1000).fill(1)) } }`,
  )

  const { failure } = await doomed.fetch(instance, 'http://app.test/')

  assert.match(failure?.outcome ?? 'none', /^exceeded(Memory|Cpu)$/)
  await until(() => doomed.catastrophes.length === 1)
})

test('an isolate that takes its time to end is told of before its process has to go', async () => {
  await using doomed = await startRuntime()
  const { instance } = await doomed.start(
    'export default { fetch() { for (let number = 3n; ; ) number *= number } }',
  )

  const { failure } = await doomed.fetch(instance, 'http://app.test/')

  assert.equal(failure?.outcome, 'exceededCpu')
  await until(() => doomed.catastrophes.length === 1)
  assert.deepEqual(doomed.stuck, [instance])
})

/** Waits for what a real process does in its own time. */
async function until(condition: () => boolean, waitMs = 5000): Promise<void> {
  const deadline = Date.now() + waitMs
  while (!condition()) {
    assert(Date.now() < deadline, 'it did not come about in time')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

test('requests that wait in an isolate for others are told as waiting', async () => {
  const { instance } = await runtime.start(`export default { fetch() {
    for (const end = Date.now() + 100; Date.now() < end; );
    return new Response('done')
  } }`)
  // All of them come in one frame and enter in one call.
  const answers = Array.from({ length: 4 }, () => runtime.fetch(instance, 'http://app.test/'))
  let queued = 0
  for (let pings = 0; queued === 0 && pings < 100; pings++) {
    const { instances } = await runtime.client.ping()
    queued = instances.find(stats => stats.instance === instance)?.queued ?? 0
  }

  assert(queued > 0)
  for (const { body } of await Promise.all(answers)) assert.equal(body.toString(), 'done')
})
