import { once } from 'node:events'
import http from 'node:http'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type RequestEvent, requestChannel } from '../../src/channels.ts'
import { loadConfig } from '../../src/config.ts'
import { createProxy, type ProxyServer } from '../../src/proxy/server.ts'
import type { RuntimeClient } from '../../src/runtime/client.ts'
import type { DispatchedExchange, Dispatcher } from '../../src/scheduler/dispatch.ts'

/** A scheduler whose one app is a function; exchanges are linked to a runtime that records what it is sent. */
class TestScheduler implements Dispatcher {
  readonly #app: (exchange: DispatchedExchange, runtime: TestRuntime) => void
  readonly exchanges: DispatchedExchange[] = []
  readonly cancelled: DispatchedExchange[] = []
  readonly runtimes: TestRuntime[] = []

  constructor(app: (exchange: DispatchedExchange, runtime: TestRuntime) => void) {
    this.#app = app
  }

  dispatch(exchange: DispatchedExchange): void {
    this.exchanges.push(exchange)
    const runtime = new TestRuntime()
    this.runtimes.push(runtime)
    runtime.link(exchange)
    this.#app(exchange, runtime)
  }

  cancel(exchange: DispatchedExchange): void {
    this.cancelled.push(exchange)
    exchange.link = null
  }
}

class TestRuntime {
  readonly sent: Buffer[] = []
  granted = 0
  ended = false
  onBody: (() => void) | null = null
  onGrant: (() => void) | null = null

  link(exchange: DispatchedExchange): void {
    const client = this as unknown as RuntimeClient
    exchange.link = { client, instance: 1, stream: 1, entered: false }
    exchange.onSent()
  }

  sendBody(_exchange: DispatchedExchange, chunk: Buffer): void {
    this.sent.push(Buffer.from(chunk))
    this.onBody?.()
  }

  endBody(): void {
    this.ended = true
    this.onBody?.()
  }

  grant(_exchange: DispatchedExchange, bytes: number): void {
    this.granted += bytes
    this.onGrant?.()
  }

  get body(): Buffer {
    return Buffer.concat(this.sent)
  }
}

interface Setup {
  proxy: ProxyServer
  scheduler: TestScheduler
  port: number
  events: RequestEvent[]
  nextEvent(): Promise<RequestEvent>
}

async function setUp(
  t: TestContext,
  app: (exchange: DispatchedExchange, runtime: TestRuntime) => void,
  settings: Record<string, string> = {},
): Promise<Setup> {
  const config = loadConfig({ flags: { listen: '127.0.0.1:0', ...settings }, file: '/nonexistent.json' })
  const scheduler = new TestScheduler(app)
  const proxy = createProxy({ config, scheduler })
  const { port } = await proxy.listen()
  const events: RequestEvent[] = []
  const waiting: ((event: RequestEvent) => void)[] = []
  let taken = 0
  const listener = (event: RequestEvent) => {
    events.push(event)
    const resolve = waiting.shift()
    if (resolve) {
      taken++
      resolve(event)
    }
  }
  requestChannel.subscribe(listener)
  t.after(async () => {
    requestChannel.unsubscribe(listener)
    await proxy.stop(0)
  })
  const nextEvent = () =>
    new Promise<RequestEvent>(resolve => {
      const event = events[taken]
      if (event) {
        taken++
        resolve(event)
      } else waiting.push(resolve)
    })
  return { proxy, scheduler, port, events, nextEvent }
}

interface Reply {
  status: number
  headers: http.IncomingHttpHeaders
  rawHeaders: string[]
  body: string
}

async function ask(port: number, options: http.RequestOptions = {}, body?: string | Buffer): Promise<Reply> {
  const request = http.request({ host: '127.0.0.1', port, agent: false, ...options })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode = 0, headers, rawHeaders } = response
  return { status: statusCode, headers, rawHeaders, body: Buffer.concat(chunks).toString() }
}

/** Sends bytes as they are and resolves to everything that comes back until the connection closes. */
async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('latin1')
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk
  })
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  await once(socket, 'close')
  return answer
}

const hello = (exchange: DispatchedExchange) => {
  exchange.onHead(200, ['content-type', 'text/plain'], 'hello')
  exchange.onEnd(1.5)
}

function headersOf(exchange: DispatchedExchange): { first: string[]; headers: Record<string, string[]> } {
  const [method = '', url = '', ...rest] = exchange.head().split('\n')
  const headers: Record<string, string[]> = {}
  for (let i = 0; i + 1 < rest.length; i += 2) {
    const name = rest[i]!
    headers[name] = [...(headers[name] ?? []), rest[i + 1]!]
  }
  return { first: [method, url], headers }
}

test('an app’s whole response reaches the client with its length, a date and a request id', async t => {
  const { port, nextEvent } = await setUp(t, hello)

  const reply = await ask(port, { headers: { host: 'hello.localhost' } })

  t.assert.equal(reply.status, 200)
  t.assert.equal(reply.body, 'hello')
  t.assert.equal(reply.headers['content-length'], '5')
  t.assert.match(reply.headers.date ?? '', /GMT$/)
  t.assert.match(String(reply.headers['x-request-id']), /^[0-9a-f]{32}$/)
  const event = await nextEvent()
  t.assert.equal(event.outcome, 'ok')
  t.assert.equal(event.status, 200)
  t.assert.equal(event.cpuMs, 1.5)
  t.assert.equal(event.bytesOut, 5)
  t.assert.equal(event.host, 'hello.localhost')
  t.assert.equal(event.requestId, reply.headers['x-request-id'])
})

test('every method that the HTTP parser knows reaches the app', async t => {
  const { port, scheduler } = await setUp(t, hello)
  const methods = http.METHODS.filter(method => method !== 'CONNECT')

  for (const method of methods) t.assert.equal((await ask(port, { method })).status, 200, method)

  t.assert.deepEqual(
    scheduler.exchanges.map(exchange => exchange.method),
    methods,
  )
})

test('hop-by-hop headers stay behind and forged addresses are replaced', async t => {
  const { port, scheduler } = await setUp(t, hello)

  await ask(port, {
    path: '/a/b?c=d',
    headers: {
      host: 'Example.com:81',
      connection: 'close, x-secret-hop',
      'x-secret-hop': '1',
      te: 'trailers',
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      'cf-connecting-ip': '6.6.6.6',
      'x-real-ip': '6.6.6.6',
      forwarded: 'for=6.6.6.6',
      'x-kept': ['one', 'two'],
    },
  })

  const exchange = scheduler.exchanges[0]!
  const { first, headers } = headersOf(exchange)
  t.assert.deepEqual(first, ['GET', 'http://Example.com:81/a/b?c=d'])
  t.assert.equal(exchange.host, 'example.com')
  t.assert.equal(exchange.path, '/a/b')
  t.assert.deepEqual(headers['x-kept'], ['one', 'two'])
  t.assert.deepEqual(headers['x-forwarded-for'], ['127.0.0.1'])
  t.assert.deepEqual(headers['cf-connecting-ip'], ['127.0.0.1'])
  t.assert.deepEqual(headers['x-real-ip'], ['127.0.0.1'])
  t.assert.deepEqual(headers['x-forwarded-proto'], ['http'])
  t.assert.deepEqual(headers['x-forwarded-host'], ['Example.com:81'])
  t.assert.deepEqual(headers.host, ['Example.com:81'])
  for (const name of ['connection', 'x-secret-hop', 'te', 'forwarded', 'transfer-encoding']) {
    t.assert.equal(headers[name], undefined, name)
  }
})

test('several Set-Cookie are kept apart and the app’s hop-by-hop headers are dropped', async t => {
  const { port } = await setUp(t, exchange => {
    exchange.onHead(
      200,
      ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'Transfer-Encoding', 'chunked', 'x-gone', '1'].concat([
        'connection',
        'x-gone',
        'x-vitrine-outcome',
        'ok',
        'x-request-id',
        'forged',
      ]),
      'x',
    )
    exchange.onEnd(0)
  })

  const reply = await ask(port)

  t.assert.deepEqual(reply.headers['set-cookie'], ['a=1', 'b=2'])
  t.assert.equal(reply.headers['transfer-encoding'], undefined)
  t.assert.equal(reply.headers['x-gone'], undefined)
  t.assert.equal(reply.headers['x-vitrine-outcome'], undefined)
  t.assert.notEqual(reply.headers['x-request-id'], 'forged')
})

test('a well-formed x-request-id is taken over, another is not', async t => {
  const { port } = await setUp(t, hello)

  const good = await ask(port, { headers: { 'x-request-id': 'trace/1.2:a+b=' } })
  const bad = await ask(port, { headers: { 'x-request-id': 'no spaces' } })

  t.assert.equal(good.headers['x-request-id'], 'trace/1.2:a+b=')
  t.assert.match(String(bad.headers['x-request-id']), /^[0-9a-f]{32}$/)
})

test('responses to HEAD and with status 204 or 304 have no body', async t => {
  const { port } = await setUp(t, exchange => {
    const status = Number(exchange.path.slice(1))
    exchange.onHead(status, ['content-length', '5'], 'hello')
    exchange.onEnd(0)
  })

  const head = await ask(port, { method: 'HEAD', path: '/200' })
  const empty = await ask(port, { path: '/204' })
  const same = await ask(port, { path: '/304' })

  t.assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '5', ''])
  t.assert.deepEqual([empty.status, empty.headers['content-length'], empty.body], [204, undefined, ''])
  t.assert.deepEqual([same.status, same.body], [304, ''])
})

test('a HEAD request to an app that streams for ever ends, and so does the app’s work', async t => {
  const { port, scheduler, nextEvent } = await setUp(t, exchange => exchange.onHead(200, [], null))

  const reply = await ask(port, { method: 'HEAD' })

  t.assert.equal(reply.status, 200)
  t.assert.equal((await nextEvent()).outcome, 'ok')
  t.assert.equal(scheduler.cancelled.length, 1)
})

test('a streamed response gets credit for what has left, and no more', async t => {
  const { port } = await setUp(t, (exchange, runtime) => {
    exchange.onHead(200, [], null)
    let sent = 0
    const chunk = Buffer.alloc(65_536, 'x')
    const send = () => {
      while (sent - runtime.granted < 262_144 && sent < 64 * 65_536) {
        sent += chunk.length
        exchange.onChunk(chunk)
      }
      if (runtime.granted >= 64 * 65_536) exchange.onEnd(0)
    }
    runtime.onGrant = () => setImmediate(send)
    send()
  })

  const reply = await ask(port)

  t.assert.equal(reply.body.length, 64 * 65_536)
  t.assert.equal(reply.headers['transfer-encoding'], 'chunked')
})

test('a client that does not read keeps the app from sending', async t => {
  const { port, scheduler } = await setUp(t, exchange => exchange.onHead(200, [], null))
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await once(socket, 'readable')
  socket.pause()
  const [exchange] = scheduler.exchanges
  const [runtime] = scheduler.runtimes

  let sent = 0
  while (sent - runtime!.granted <= 1 << 20 && sent < 1 << 28) {
    exchange!.onChunk(Buffer.alloc(1 << 18))
    sent += 1 << 18
    await new Promise(setImmediate)
  }

  t.assert.equal(sent < 1 << 28, true, 'credit ran out before 256 MB were sent')
})

test('a request body streams to the app in order, never ahead of its credit', async t => {
  const size = 1 << 20
  const { port, scheduler } = await setUp(t, (exchange, runtime) => {
    runtime.onBody = () => {
      const { length } = runtime.body
      t.assert.equal(length <= 262_144 + runtime.granted, true)
      if (runtime.ended) {
        exchange.onHead(200, [], String(length))
        exchange.onEnd(0)
      } else if (length === 262_144 + runtime.granted) {
        runtime.granted += 100_000
        setImmediate(() => exchange.onCredit(100_000))
      }
    }
  })
  const body = Buffer.alloc(size, 'abcdefg')

  const reply = await ask(port, { method: 'POST' }, body)

  t.assert.equal(reply.body, String(size))
  t.assert.equal(scheduler.runtimes[0]!.body.equals(body), true)
})

test('a body that the app has not touched goes with the request to another instance', async t => {
  const { port, scheduler } = await setUp(t, (exchange, first) => {
    first.onBody = () => {
      if (!first.ended) return
      t.assert.equal(exchange.bodyIntact, true)
      const second = new TestRuntime()
      scheduler.runtimes.push(second)
      second.onBody = () => {
        if (!second.ended) return
        exchange.onHead(200, [], second.body.toString())
        exchange.onEnd(0)
      }
      second.link(exchange)
    }
  })

  const reply = await ask(port, { method: 'POST' }, 'once more')

  t.assert.equal(reply.body, 'once more')
})

test('a response may begin and end before the request’s body has', async t => {
  const { port, scheduler } = await setUp(t, exchange => {
    exchange.onHead(200, [], 'early')
    exchange.onEnd(0)
  })
  const request = http.request({ host: '127.0.0.1', port, method: 'POST' })
  request.on('error', () => {})
  request.write('a beginning')

  const [response] = (await once(request, 'response')) as [http.IncomingMessage]

  t.assert.equal(response.statusCode, 200)
  t.assert.equal(scheduler.cancelled.length, 0)
  request.destroy()
})

test('request and response stream at the same time', async t => {
  const { port } = await setUp(t, (exchange, runtime) => {
    exchange.onHead(200, [], null)
    runtime.onBody = () => {
      const chunk = runtime.sent.pop()
      if (chunk) exchange.onChunk(chunk)
      if (runtime.ended) exchange.onEnd(0)
    }
  })
  const request = http.request({ host: '127.0.0.1', port, method: 'POST', agent: false })
  request.write('ping')
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]

  const [first] = (await once(response, 'data')) as [Buffer]
  request.end('pong')
  const rest = await response.toArray()

  t.assert.equal(`${first}${rest.join('')}`, 'pingpong')
})

test('a body longer than the limit is refused, announced or not', async t => {
  const settings = { requestBodyBytesMax: '1000' }
  const { port, scheduler, nextEvent } = await setUp(t, () => {}, settings)

  const announced = await ask(port, { method: 'POST' }, 'x'.repeat(1001))
  const event = await nextEvent()
  const chunked = await ask(
    port,
    { method: 'POST', headers: { 'transfer-encoding': 'chunked' } },
    'x'.repeat(1001),
  )

  t.assert.equal(announced.status, 413)
  t.assert.equal(event.rejection, 'body_too_large')
  t.assert.equal(chunked.status, 413)
  t.assert.equal(scheduler.exchanges.length, 1)
  t.assert.equal(scheduler.cancelled.length, 1)
})

test('Expect: 100-continue is answered when an instance has the request', async t => {
  const { port } = await setUp(t, (exchange, runtime) => {
    runtime.onBody = () => {
      if (!runtime.ended) return
      exchange.onHead(200, [], runtime.body.toString())
      exchange.onEnd(0)
    }
  })
  const request = http.request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    agent: false,
    headers: { expect: '100-continue', 'content-length': 4 },
  })
  request.flushHeaders()
  await once(request, 'continue')
  request.end('body')

  const [response] = (await once(request, 'response')) as [http.IncomingMessage]

  t.assert.equal(response.statusCode, 200)
  response.resume()
})

test('a client that goes away aborts the request', async t => {
  const reached = Promise.withResolvers<void>()
  const { port, scheduler, nextEvent } = await setUp(t, () => reached.resolve())
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await reached.promise

  socket.destroy()
  const event = await nextEvent()

  t.assert.equal(event.outcome, 'canceled')
  t.assert.equal(event.disconnected, true)
  t.assert.deepEqual(scheduler.cancelled, scheduler.exchanges)
})

test('a client that goes away in the middle of a response is told apart', async t => {
  const { port, nextEvent, scheduler } = await setUp(t, exchange => {
    exchange.onHead(200, [], null)
    exchange.onChunk(Buffer.from('some'))
  })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await once(socket, 'data')

  socket.destroy()
  const event = await nextEvent()

  t.assert.equal(event.outcome, 'responseStreamDisconnected')
  t.assert.equal(event.status, 200)
  t.assert.equal(scheduler.cancelled.length, 1)
})

test('when the app fails after the head has left, the client sees the connection break', async t => {
  const { port, nextEvent } = await setUp(t, exchange => {
    exchange.onHead(200, [], null)
    exchange.onChunk(Buffer.from('some'))
    setImmediate(() => exchange.onFail('exceededCpu', ''))
  })

  await t.assert.rejects(ask(port), /aborted|ECONNRESET/)

  const event = await nextEvent()
  t.assert.equal(event.outcome, 'exceededCpu')
  t.assert.equal(event.status, 200)
})

test('a failure is JSON with outcome, message and request id, or HTML where that is preferred', async t => {
  const { port } = await setUp(t, exchange => exchange.onFail('exceededCpu', '<b>too much</b>'))

  const json = await ask(port)
  const html = await ask(port, { headers: { accept: 'text/html,application/json;q=0.9' } })

  t.assert.equal(json.status, 503)
  t.assert.equal(json.headers['x-vitrine-outcome'], 'exceededCpu')
  t.assert.deepEqual(JSON.parse(json.body), {
    outcome: 'exceededCpu',
    message: '<b>too much</b>',
    requestId: json.headers['x-request-id'],
  })
  t.assert.match(String(html.headers['content-type']), /^text\/html/)
  t.assert.match(html.body, /&#60;b&#62;too much/)
})

test('shed requests are told when to come again', async t => {
  const { port, nextEvent } = await setUp(t, exchange => {
    exchange.dispatch.rejection = 'app_queue_full'
    exchange.dispatch.retryAfterSeconds = 3
    exchange.onFail('loadShed', '')
  })

  const reply = await ask(port)

  t.assert.equal(reply.status, 503)
  t.assert.equal(reply.headers['retry-after'], '3')
  t.assert.equal((await nextEvent()).rejection, 'app_queue_full')
})

const FORGED: [name: string, status: number, headers: string[]][] = [
  ['a status below 200', 103, []],
  ['a status above 599', 600, []],
  ['a broken status', Number.NaN, []],
  ['a name with a space', 200, ['a b', 'c']],
  ['an empty name', 200, ['', 'c']],
  ['a value with a line break', 200, ['a', 'b\r\nset-cookie: c']],
  ['a value with NUL', 200, ['a', '\0']],
  ['two lengths', 200, ['content-length', '1', 'content-length', '2']],
  ['a negative length', 200, ['content-length', '-1']],
  ['headers beyond the limit', 200, ['a', 'x'.repeat(70_000)]],
]

for (const [name, status, headers] of FORGED) {
  test(`a response with ${name} becomes an internal error`, async t => {
    const { port, scheduler } = await setUp(t, exchange => {
      exchange.onHead(status, headers, null)
      exchange.onChunk(Buffer.from('x'))
      exchange.onEnd(0)
    })

    const reply = await ask(port)

    t.assert.equal(reply.status, 500)
    t.assert.equal(reply.headers['x-vitrine-outcome'], 'internalError')
    t.assert.equal(reply.headers['set-cookie'], undefined)
    t.assert.equal(scheduler.cancelled.length, 1)
  })
}

test('a stream that is longer or shorter than its Content-Length breaks the connection', async t => {
  const { port } = await setUp(t, exchange => {
    exchange.onHead(200, ['content-length', '4'], null)
    exchange.onChunk(Buffer.from(exchange.path.slice(1)))
    exchange.onEnd(0)
  })

  t.assert.equal((await ask(port, { path: '/just' })).body, 'just')
  await t.assert.rejects(ask(port, { path: '/longer' }))
  await t.assert.rejects(ask(port, { path: '/no' }))
})

const MALFORMED: [name: string, request: string, status: number][] = [
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n', 400],
  ['a Host that is none', 'GET / HTTP/1.1\r\nhost: a/b@c\r\n\r\n', 400],
  ['a target that is no path', 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['garbage', 'garbage\r\n\r\n', 400],
  ['a folded header', 'GET / HTTP/1.1\r\nhost: a\r\nb: c\r\n d\r\n\r\n', 400],
  ['NUL in a header', 'GET / HTTP/1.1\r\nhost: a\r\nb: \0\r\n\r\n', 400],
  [
    'both length and chunks',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['headers too long', `GET / HTTP/1.1\r\nhost: a\r\nb: ${'c'.repeat(40_000)}\r\n\r\n`, 431],
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n', 501],
  ['a WebSocket', 'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n', 501],
  ['an unknown expectation', 'GET / HTTP/1.1\r\nhost: a\r\nexpect: magic\r\n\r\n', 417],
  ['a bad chunk', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n', 400],
]

for (const [name, request, status] of MALFORMED) {
  test(`a request with ${name} is answered with ${status}`, async t => {
    const { port, events } = await setUp(t, () => {})

    const answer = await sendRaw(port, request)

    t.assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    t.assert.match(answer, /x-request-id: /)
    t.assert.equal(events.length, 1)
  })
}

test('an absolute target names the host, whatever the header says', async t => {
  const { port, scheduler } = await setUp(t, hello)

  const answer = await sendRaw(
    port,
    'GET http://other.example:8080/x?y HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  )

  t.assert.match(answer, /^HTTP\/1.1 200 /)
  t.assert.equal(scheduler.exchanges[0]!.host, 'other.example')
  t.assert.equal(headersOf(scheduler.exchanges[0]!).first[1], 'http://other.example:8080/x?y')
})

test('targets that no router could decode reach the app as they are', async t => {
  const { port, scheduler } = await setUp(t, hello)

  await ask(port, { path: '/%zz/%/..%2f?a=%' })

  t.assert.equal(scheduler.exchanges[0]!.path, '/%zz/%/..%2f')
})

test('a client that takes too long over its headers is cut off', async t => {
  const { port } = await setUp(t, hello, { headersMs: '200' })

  const answer = await sendRaw(port, 'GET / HTTP/1.1\r\nhost: a\r\n')

  t.assert.match(answer, /^HTTP\/1.1 408 /)
})

test('a client that stalls in the middle of its body is cut off', async t => {
  const { port, scheduler } = await setUp(t, () => {}, { clientIdleMs: '200' })

  const answer = await sendRaw(port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc')

  t.assert.match(answer, /^HTTP\/1.1 408 /)
  t.assert.equal(scheduler.cancelled.length, 1)
})

test('stopping lets requests in flight finish and takes no new connections', async t => {
  const { port, proxy, scheduler } = await setUp(t, () => {})
  const agent = new http.Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const reply = ask(port, { agent })
  while (scheduler.exchanges.length === 0) await new Promise(setImmediate)

  const stopped = proxy.stop(10_000)
  await new Promise(setImmediate)
  await t.assert.rejects(ask(port), /ECONNREFUSED|ECONNRESET/)
  hello(scheduler.exchanges[0]!)

  t.assert.equal((await reply).body, 'hello')
  t.assert.equal((await reply).headers.connection, 'close')
  await stopped
})

test('stopping cuts what does not finish within the grace', async t => {
  const { port, proxy, scheduler, nextEvent } = await setUp(t, () => {})
  const reply = t.assert.rejects(ask(port))
  while (scheduler.exchanges.length === 0) await new Promise(setImmediate)

  await proxy.stop(50)

  await reply
  t.assert.equal((await nextEvent()).outcome, 'canceled')
})

test('a port that is taken is one sentence with the remedy', async t => {
  const { port } = await setUp(t, hello)
  const config = loadConfig({ flags: { listen: `127.0.0.1:${port}` }, file: '/nonexistent.json' })
  const second = createProxy({ config, scheduler: new TestScheduler(hello) })
  t.after(() => second.stop(0))

  await t.assert.rejects(second.listen(), { code: 'LISTEN_FAILED', message: /is taken: .*--listen/ })
})
