import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { ask, setUp } from './setup.ts'

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

test('a failure after a response without a body has ended leaves it whole', async t => {
  const { port } = await setUp(t, exchange => {
    exchange.onHead(200, [], null)
    exchange.onFail('exceededCpu', '')
  })

  t.assert.equal((await ask(port, { method: 'HEAD' })).status, 200)
})
