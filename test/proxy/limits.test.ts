/** What slow, silent, greedy and very many clients cost: a bounded amount, and nobody else anything. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { until } from '../support/platform.ts'
import { ask, hello, sendRaw, setUp } from './setup.ts'

const HEAD = 'GET / HTTP/1.1\r\nhost: a\r\n'
const REQUEST = `${HEAD}\r\n`

interface TestClient {
  socket: Socket
  /** What has come so far. */
  answer: () => string
  closed: Promise<unknown>
}

function open(t: TestContext, port: number): TestClient {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', chunk => {
    answer += chunk
  })
  socket.on('error', () => {})
  const closed = new Promise(resolve => socket.once('close', resolve))
  t.after(() => socket.destroy())
  return { socket, answer: () => answer, closed }
}

suite('a client is cut off that', () => {
  const settings = { headersMs: '200', clientIdleMs: '200' }
  const slow: [what: string, bytes: string, status: number][] = [
    ['sends nothing', '', 408],
    ['stops in the request line', 'GET /', 408],
    ['stops in its headers', HEAD, 408],
    ['stops after empty lines', '\r\n\r\n', 408],
    ['stops before its body', `${HEAD}content-length: 3\r\n\r\n`, 408],
    ['stops in a chunk’s size', `${HEAD}transfer-encoding: chunked\r\n\r\n3`, 408],
    ['stops in a chunk’s extension', `${HEAD}transfer-encoding: chunked\r\n\r\n3;a=b`, 408],
    ['stops in a chunk', `${HEAD}transfer-encoding: chunked\r\n\r\nffff\r\nabc`, 408],
    ['stops before the last chunk', `${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`, 408],
    ['stops in its trailers', `${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y`, 408],
  ]
  for (const [what, bytes, status] of slow) {
    test(what, async (t: TestContext) => {
      const { port } = await setUp(t, () => {}, settings)

      const answer = await sendRaw(port, bytes)

      t.assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    })
  }

  test('sends its headers a byte at a time, however long it goes on', async (t: TestContext) => {
    const { port } = await setUp(t, hello, settings)
    const client = open(t, port)
    const trickle = setInterval(() => client.socket.write('x'), 10)
    t.after(() => clearInterval(trickle))

    client.socket.write(HEAD)
    await client.closed

    t.assert.match(client.answer(), /^HTTP\/1.1 408 /)
  })

  test('stops in a second request while the first is being answered, which it is', async (t: TestContext) => {
    const { port, scheduler } = await setUp(t, () => {}, settings)
    const client = open(t, port)

    client.socket.write(`${REQUEST}GET /`)
    setTimeout(() => hello(scheduler.exchanges[0]!), 1500)
    await client.closed

    t.assert.match(client.answer(), /^HTTP\/1.1 200 [\s\S]*helloHTTP\/1.1 408 /)
    t.assert.deepEqual(scheduler.cancelled, [])
  })
})

test('a client that asks on and reads nothing gets no more than a bounded number of answers', async (t: TestContext) => {
  const settings = { clientIdleMs: '300', pipelineMax: '10' }
  const { port, scheduler, proxy, events } = await setUp(
    t,
    exchange => {
      exchange.onHead(200, [], Buffer.alloc(1 << 20))
      exchange.onEnd(0)
    },
    settings,
  )
  const { socket } = open(t, port)
  socket.pause()

  for (let i = 0; i < 100; i++) socket.write(REQUEST.repeat(1000))
  await until(() => proxy.stats().connections === 0 && events.length > 0)

  t.assert.ok(scheduler.exchanges.length <= 10 + 10, `${scheduler.exchanges.length} answers were made`)
  t.assert.equal(proxy.stats().inFlight, 0)
})

test('so many requests as are allowed may be under way on a connection; the next ends it', async (t: TestContext) => {
  const { port, scheduler } = await setUp(t, () => {}, { pipelineMax: '10' })
  const client = open(t, port)

  client.socket.write(REQUEST.repeat(20))
  await until(() => scheduler.exchanges.length === 10)
  for (const exchange of scheduler.exchanges) hello(exchange)
  await client.closed

  t.assert.deepEqual(statusesOf(client.answer()), [...Array(10).fill(200), 429])
  t.assert.equal(scheduler.exchanges.length, 10)
})

test('connections beyond the limit are closed at once, and there is room again when others leave', async (t: TestContext) => {
  const { port, proxy } = await setUp(t, hello, { connectionsMax: '3' })
  const clients = [1, 2, 3].map(() => open(t, port))
  await Promise.all(clients.map(({ socket }) => once(socket, 'connect')))
  for (const { socket } of clients) {
    socket.write(REQUEST)
    await once(socket, 'data')
  }

  const refused = await Promise.all(Array.from({ length: 20 }, () => sendRaw(port, REQUEST)))
  clients[0]!.socket.destroy()
  while (proxy.stats().connections === 3) await new Promise(setImmediate)
  const welcome = await ask(port)

  t.assert.deepEqual(new Set(refused), new Set(['']))
  t.assert.equal(proxy.stats().refused, 20)
  t.assert.equal(welcome.status, 200)
})

test('thousands of unfinished heads keep nobody waiting and take little memory', async (t: TestContext) => {
  const CLIENTS = 2000
  const HEAD_BYTES = 16_384
  const { port, proxy } = await setUp(t, hello, { headersMs: '60000' })
  const before = process.memoryUsage().rss
  const sockets: Socket[] = []
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })

  for (let i = 0; i < CLIENTS; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`${HEAD}x: ${'y'.repeat(HEAD_BYTES)}`)
    sockets.push(socket)
    if (i % 100 === 99) await once(socket, 'connect')
  }
  while (proxy.stats().connections < CLIENTS) await new Promise(setImmediate)
  const began = performance.now()
  const reply = await ask(port)

  t.assert.equal(reply.body, 'hello')
  t.assert.ok(performance.now() - began < 1000)
  const grown = process.memoryUsage().rss - before
  t.assert.ok(grown < CLIENTS * (HEAD_BYTES + 131_072), `${grown} bytes`)
})

test('what a client sends after it was refused is thrown away, and not for ever', async (t: TestContext) => {
  const { port, scheduler } = await setUp(t, hello, { requestBodyBytesMax: '1000' })
  const client = open(t, port)
  client.socket.write(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${10 ** 9}\r\n\r\n`)
  let sent = 0
  const flood = () => {
    while (!client.socket.destroyed && client.socket.write('x'.repeat(65_536))) sent += 65_536
  }
  client.socket.on('drain', () => setTimeout(flood, 5))

  flood()
  await client.closed

  t.assert.match(client.answer(), /^HTTP\/1.1 413 /)
  t.assert.ok(sent < 10 ** 9)
  t.assert.equal(scheduler.exchanges.length, 0)
})

function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(match => Number(match[1]))
}
