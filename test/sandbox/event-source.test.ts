import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { after, before, type TestContext, test } from 'node:test'
import { startUpstream, type Upstream } from '../runtime/upstream.ts'
import { type SpecOverrides, startRuntime, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime
let upstream: Upstream
/** Answers the requests to the upstream, by path. */
const routes = new Map<string, (response: ServerResponse, headers: IncomingHttpHeaders) => void>()

before(async () => {
  runtime = await startRuntime()
  upstream = await startUpstream((request, response) => routes.get(request.url!)!(response, request.headers))
})

after(async () => {
  await runtime[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** Has an upstream answer a path, and gives its URL. */
function serve(
  path: string,
  answer: (response: ServerResponse, headers: IncomingHttpHeaders) => void,
): string {
  routes.set(path, answer)
  return upstream.url + path
}

function events(response: ServerResponse, ...chunks: (string | Buffer)[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream;charset=utf-8' })
  for (const chunk of chunks) response.write(chunk)
}

/** What an app answers whose handler's body is `code`; it finds `until(source, type)`. */
async function run(code: string, limits: SpecOverrides['limits'] = {}): Promise<unknown> {
  const source = `
    const until = (source, type) =>
      new Promise(resolve => source.addEventListener(type, resolve, { once: true }))
    export default { async fetch(request) { return Response.json(await (async () => { ${code} })()) } }`
  const { instance } = await runtime.start(source, { limits })
  const { body, failure } = await runtime.fetch(instance, 'http://app.test/')
  return failure ? failure.message : JSON.parse(body.toString())
}

/** The events that a stream of these chunks is, told by EventSource.from. */
async function told(...chunks: (string | Buffer)[]): Promise<unknown> {
  const base64 = chunks.map(chunk => Buffer.from(chunk as string).toString('base64'))
  return await run(`
    const chunks = ${JSON.stringify(base64)}.map(text => Uint8Array.fromBase64(text))
    const source = EventSource.from(ReadableStream.from(chunks))
    const events = []
    for (const type of ['message', 'news'])
      source.addEventListener(type, event => events.push([event.type, event.data, event.lastEventId]))
    await until(source, 'error')
    return [...events, source.readyState]`)
}

test('an event source is open once the server answers, and tells its events', async (t: TestContext) => {
  const url = serve('/events', (response, headers) => {
    t.assert.equal(headers.accept, 'text/event-stream')
    t.assert.equal(headers['cache-control'], 'no-cache')
    t.assert.equal(headers['last-event-id'], undefined)
    events(response, 'data: hello\n\n', 'event: news\nid: 7\ndata: a\ndata: b\n\n')
  })
  const answer = await run(`
    const source = new EventSource('${url}', { withCredentials: true })
    const states = [source.readyState]
    source.onopen = event => states.push(event.type, event.isTrusted, source.readyState)
    const first = await until(source, 'message')
    const { data, lastEventId, origin, isTrusted } = await until(source, 'news')
    source.close()
    states.push(source.readyState)
    return [states, first.data, data, lastEventId, origin, isTrusted, source.url, source.withCredentials]`)

  t.assert.deepEqual(answer, [[0, 'open', true, 1, 2], 'hello', 'a\nb', '7', upstream.url, true, url, true])
})

test('lines end with any of three ends, wherever chunks are cut', async (t: TestContext) => {
  const stream =
    '\ufeffdata: ä\r\ndata\r\n: comment\rdata:  x\n\nevent:news\r\rdata: 🎉\rid: é\r\r\ndata: cut off'
  const whole = [['message', 'ä\n\n x', ''], ['message', '🎉', 'é'], 2]

  t.assert.deepEqual(await told(stream), whole)
  t.assert.deepEqual(await told(...[...Buffer.from(stream)].map(byte => Buffer.of(byte))), whole)
})

test('what is no field, no number or has a zero byte is ignored', async (t: TestContext) => {
  t.assert.deepEqual(await told('id: 1\nid: a\0b\ndata\n\nfoo: bar\n data: x\ndata:y\nretry: 1x\nid\n\n'), [
    ['message', '', '1'],
    ['message', 'y', ''],
    2,
  ])
  t.assert.deepEqual(await told('event: news\n\ndata: not news\n\n'), [['message', 'not news', ''], 2])
})

test('a source that loses its server connects anew, after the time that the stream has set, from the last event on', async (t: TestContext) => {
  const seen: unknown[] = []
  const url = serve('/again', (response, headers) => {
    seen.push(
      headers['last-event-id'] && Buffer.from(headers['last-event-id'] as string, 'latin1').toString(),
    )
    events(response, seen.length === 1 ? 'retry: 5\nid: ü1\ndata: one\n\n' : 'data: two\n\n')
    if (seen.length === 1) response.end()
  })
  const answer = await run(`
    const source = new EventSource('${url}')
    await until(source, 'error')
    const { readyState } = source
    const { data, lastEventId } = await until(source, 'message')
    source.close()
    return [readyState, data, lastEventId]`)

  t.assert.deepEqual(answer, [0, 'two', 'ü1'])
  t.assert.deepEqual(seen, [undefined, 'ü1'])
})

test('another status or type of content closes the source for good', async (t: TestContext) => {
  const answers: [string, number, string][] = [
    ['/204', 204, 'text/event-stream'],
    ['/500', 500, 'text/event-stream'],
    ['/html', 200, 'text/html'],
    ['/none', 200, ''],
  ]
  for (const [path, status, type] of answers) {
    const url = serve(path, response =>
      response.writeHead(status, type ? { 'content-type': type } : {}).end(),
    )
    const answer = await run(`
      const source = new EventSource('${url}')
      source.onopen = () => { throw new Error('open') }
      await until(source, 'error')
      return source.readyState`)
    t.assert.equal(answer, 2)
  }
})

test('a source that cannot be reached tries again for as long as its request lasts', async (t: TestContext) => {
  const answer = await run(`
    const source = new EventSource('http://127.0.0.1:9/')
    await until(source, 'error')
    return source.readyState`)

  t.assert.equal(answer, 0)
})

test('closing ends the connection, and nothing is told any more', async (t: TestContext) => {
  const ended = Promise.withResolvers<void>()
  const url = serve('/close', response => {
    response.once('close', () => ended.resolve())
    events(response, 'data: 1\n\ndata: 2\n\n')
  })
  const answer = await run(`
    const source = new EventSource('${url}')
    const seen = []
    source.onmessage = ({ data }) => { seen.push(data); source.close() }
    source.onerror = () => seen.push('error')
    await until(source, 'message')
    await scheduler.wait(10)
    return seen`)

  t.assert.deepEqual(answer, ['1'])
  await ended.promise
})

test('a source left open ends with its request, whether it is connected or waits to connect anew', async (t: TestContext) => {
  const ended = Promise.withResolvers<void>()
  let connections = 0
  const open = serve('/open', response => {
    response.once('close', () => ended.resolve())
    events(response, 'data\n\n')
  })
  const lost = serve('/lost', response => {
    connections++
    events(response, 'retry: 40\n\n')
    response.end()
  })

  t.assert.equal(await run(`await until(new EventSource('${open}'), 'message'); return 1`), 1)
  t.assert.equal(await run(`await until(new EventSource('${lost}'), 'error'); return 1`), 1)

  await ended.promise
  await run('await scheduler.wait(100)')
  t.assert.equal(connections, 1)
})

test('an app that patches built-ins changes nothing of what its sources tell', async (t: TestContext) => {
  const seen: unknown[] = []
  const url = serve('/patched', (response, headers) => {
    seen.push(headers['last-event-id'])
    events(response, 'retry: 5\n', 'id: 1\r\nid: \0\r\nevent: news\r\ndata: a\r\ndata:', ' ä\r\n\r\n')
    if (seen.length === 1) response.end()
  })
  const answer = await run(`
    const { defineProperty, getPrototypeOf, getOwnPropertyDescriptors, entries } = Object
    const broken = () => { throw new Error('patched') }
    // Reading any fetched body breaks with the last three: streams use them.
    const untouched = ['constructor', 'push', 'call', 'apply']
    const patches = []
    const prototypes = [Array, String, RegExp, Number, Map, Set, Function].map(Class => Class.prototype)
    for (const prototype of [...prototypes, getPrototypeOf(Uint8Array.prototype)])
      for (const [key, { configurable, value }] of entries(getOwnPropertyDescriptors(prototype)))
        if (!untouched.includes(key) && configurable && typeof value === 'function')
          patches[patches.length] = [prototype, key, value]
    const told = []
    const source = new EventSource('${url}')
    const done = new Promise(resolve => {
      source.addEventListener('news', ({ data, lastEventId, bubbles, ports }) => {
        told[told.length] = data + lastEventId + bubbles + ports.length
        if (told.length === 2) resolve()
      })
    })
    const { Uint8Array: Bytes } = globalThis
    for (let i = 0; i < patches.length; i++) defineProperty(patches[i][0], patches[i][1], { value: broken })
    Math.max = broken
    globalThis.Uint8Array = broken
    const inherited = ['method', 'bubbles', 'ports']
    for (let i = 0; i < 3; i++)
      defineProperty(Object.prototype, inherited[i], { value: 'POST', configurable: true })
    await done
    source.close()
    for (let i = 0; i < 3; i++) delete Object.prototype[inherited[i]]
    for (let i = 0; i < patches.length; i++) defineProperty(patches[i][0], patches[i][1], { value: patches[i][2] })
    globalThis.Uint8Array = Bytes
    return told`)

  t.assert.deepEqual(answer, ['a\nä1false0', 'a\nä1false0'])
  t.assert.deepEqual(seen, [undefined, '1'])
})

test('a source that finds no room for the timer to connect anew fails', async (t: TestContext) => {
  const url = serve('/ends', response => {
    events(response, 'data: 1\n\n')
    response.end()
  })
  const answer = await run(
    `
    const seen = []
    const source = new EventSource('${url}')
    source.onmessage = ({ data }) => seen.push(data)
    try { for (;;) setTimeout(() => {}, 1e6) } catch {}
    source.onerror = () => seen.push(source.readyState)
    while (source.readyState !== 2) await until(source, 'error')
    return seen`,
    { timersMax: 20 },
  )

  t.assert.deepEqual(answer, ['1', 0, 2])
})

test('a wrong URL or stream is refused, and the interface is as WebIDL has it', async (t: TestContext) => {
  const answer = await run(`
    const name = action => { try { action(); return 'none' } catch (error) { return error.name } }
    const stream = new ReadableStream()
    stream.getReader()
    return [
      name(() => new EventSource('http://')),
      name(() => new EventSource()),
      name(() => EventSource('http://a/')),
      name(() => EventSource.from({})),
      name(() => EventSource.from(stream)),
      name(() => EventSource.prototype.url),
      [EventSource.CONNECTING, EventSource.OPEN, EventSource.prototype.CLOSED],
      Object.prototype.toString.call(EventSource.from(new ReadableStream())),
      EventSource.from(new ReadableStream()) instanceof EventTarget,
    ]`)

  t.assert.deepEqual(answer, [
    'SyntaxError',
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    [0, 1, 2],
    '[object EventSource]',
    true,
  ])
})

test('of many events in one chunk, each can be awaited for itself', async (t: TestContext) => {
  const count = 1000
  const answer = await run(`
    const chunk = new TextEncoder().encode(Array.from({ length: ${count} }, (_, i) => 'data: ' + i + '\\n\\n').join(''))
    const source = EventSource.from(ReadableStream.from([chunk]))
    const next = async () => (await until(source, 'message')).data
    let told = 0
    while (told < ${count} && (await next()) === String(told)) told++
    return told`)

  t.assert.equal(answer, count)
})
