import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { type AppLogEvent, appLogChannel, type RequestEvent, requestChannel } from '../../src/channels.ts'
import { type ControlUnderTest, startControl } from './control.ts'

const LOG: AppLogEvent = {
  app: 'hello',
  version: 'v',
  requestId: 'r',
  traceId: '',
  level: 'info',
  kind: 'console',
  message: 'hi',
  time: 5,
}

const REQUEST: RequestEvent = {
  requestId: 'r',
  traceId: '',
  app: 'hello',
  version: 'v',
  outcome: 'ok',
  status: 200,
  method: 'GET',
  host: 'hello.localhost',
  url: '/path?token=secret',
  clientIp: '127.0.0.1',
  startedAt: 1,
  durationMs: 2,
  ttfbMs: 1,
  queueMs: 0,
  cpuMs: 1,
  coldStart: false,
  retries: 0,
  bytesIn: 0,
  bytesOut: 2,
  disconnected: false,
}

/** The lines of a tail, once it is subscribed. */
async function follow(control: ControlUnderTest, app = 'hello') {
  const abort = new AbortController()
  const response = await fetch(`${control.url}/api/v1/apps/${app}/tail`, { signal: abort.signal })
  const lines = createInterface({ input: Readable.fromWeb(response.body as never).on('error', () => {}) })
  const iterator = lines[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await iterator.next()
    return done ? 'end' : value === '' ? 'blank' : JSON.parse(value)
  }
  return { response, next, abort: () => abort.abort() }
}

test('an app’s console lines and requests come as they happen, and no other’s', async (t: TestContext) => {
  const control = await startControl(t)
  await control.deploy('hello')
  const tail = await follow(control)

  appLogChannel.publish({ ...LOG, app: 'other' })
  appLogChannel.publish(LOG)
  requestChannel.publish({ ...REQUEST, app: '' })
  requestChannel.publish(REQUEST)

  t.assert.equal(tail.response.headers.get('content-type'), 'application/x-ndjson')
  t.assert.deepEqual(await tail.next(), { type: 'log', ...LOG })
  t.assert.deepEqual(await tail.next(), { type: 'request', ...REQUEST, url: '/path' })
})

test('queries are shown where the access log shows them', async (t: TestContext) => {
  const control = await startControl(t, { config: { accessLogQuery: true } })
  await control.deploy('hello')
  const tail = await follow(control)

  requestChannel.publish(REQUEST)

  t.assert.equal((await tail.next()).url, '/path?token=secret')
})

test('nothing is subscribed before the first reader and after the last', async (t: TestContext) => {
  const control = await startControl(t)
  await control.deploy('hello')
  t.assert.equal(appLogChannel.hasSubscribers, false)

  const one = await follow(control)
  const two = await follow(control)
  t.assert.equal(appLogChannel.hasSubscribers && requestChannel.hasSubscribers, true)
  one.abort()
  two.abort()

  while (appLogChannel.hasSubscribers || requestChannel.hasSubscribers) await new Promise(setImmediate)
})

test('a reader that does not read loses lines and is told how many, and costs bounded memory', async (t: TestContext) => {
  const control = await startControl(t, { config: { tailBufferBytesMax: 100_000 } })
  await control.deploy('hello')
  const socket = connect(control.port, '127.0.0.1')
  socket.write('GET /api/v1/apps/hello/tail HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await new Promise(resolve => socket.once('data', resolve))
  socket.pause()
  const published = 20_000
  const message = 'x'.repeat(1000)
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed

  for (let i = 0; i < published; i++) {
    appLogChannel.publish({ ...LOG, message, time: i })
    if (i % 100 === 0) await new Promise(setImmediate)
  }
  t.assert.ok(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before < 15e6)

  let seen = 0
  let dropped = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const lines = createInterface({ input: socket })
  lines.on('line', line => {
    const event = line.startsWith('{') ? JSON.parse(line) : {}
    if (event.type === 'log') seen++
    if (event.type === 'dropped') dropped += event.count
    if (seen + dropped === published) resolve()
  })
  socket.resume()
  await promise
  t.assert.ok(dropped > 0 && seen > 0)
  socket.destroy()
})

test('there are only so many readers', async (t: TestContext) => {
  const control = await startControl(t, { config: { tailsMax: 1 } })
  await control.deploy('hello')
  const tail = await follow(control)

  const { status, json } = await control.call('GET', 'apps/hello/tail')

  t.assert.equal(status, 503)
  t.assert.match(json.error.message, /1 readers follow logs already: end one, or raise --tails-max/)
  tail.abort()
})

test('the stream ends when the app is deleted, and when the platform stops', async (t: TestContext) => {
  const control = await startControl(t)
  await control.deploy('hello')
  await control.deploy('other')
  const [hello, other] = [await follow(control), await follow(control, 'other')]

  await control.call('DELETE', 'apps/hello')
  t.assert.equal(await hello.next(), 'end')

  const closed = control.close()
  t.assert.equal(await other.next(), 'end')
  await closed
  t.assert.equal(appLogChannel.hasSubscribers, false)
})
