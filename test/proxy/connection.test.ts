import http from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { loadConfig } from '../../src/config.ts'
import { createProxy } from '../../src/proxy/server.ts'
import { ask, hello, sendRaw, setUp, TestScheduler } from './setup.ts'

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

test('a client that does not take its response is cut off', async t => {
  const { port, scheduler, nextEvent } = await setUp(
    t,
    (exchange, runtime) => {
      const send = () => exchange.onChunk(Buffer.alloc(1 << 18))
      runtime.onGrant = () => setImmediate(send)
      exchange.onHead(200, [], null)
      send()
    },
    { clientIdleMs: '200' },
  )
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')

  const event = await nextEvent()
  scheduler.exchanges[0]!.onChunk(Buffer.from('late'))

  t.assert.equal(event.outcome, 'responseStreamDisconnected')
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
