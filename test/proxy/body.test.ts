import { once } from 'node:events'
import http from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { ask, setUp, TestRuntime } from './setup.ts'

/** As much as Node reads from a socket at a time: a piece that is not split for want of credit. */
const NODE_READ_BYTES = 65_536

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
      } else if (length > 262_144 + runtime.granted - NODE_READ_BYTES) {
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
