import { test } from 'node:test'
import { type ColdStartEvent, coldStartChannel } from '../../src/channels.ts'
import { collect, setUp, until } from './setup.ts'

test('a burst at a cold app starts one instance, which answers everyone', async t => {
  await using platform = await setUp()
  const starts = collect<ColdStartEvent>(t, coldStartChannel)
  platform.store.deploy('a')
  platform.runtime.autoAnswer = 'hi'

  const asked = Array.from({ length: 100 }, () => platform.ask('a'))
  const answers = await Promise.all(asked.map(exchange => exchange.answer))

  t.assert.equal(
    answers.every(({ outcome, body }) => outcome === 'ok' && body === 'hi'),
    true,
  )
  t.assert.equal(platform.runtime.started.length, 1)
  await until(() => starts.length > 0)
  t.assert.equal(starts.length, 1)
  t.assert.equal(starts[0]!.reason, 'first')
  t.assert.deepEqual(Object.keys(starts[0]!.phasesMs), ['fetch', 'isolate', 'compile', 'evaluate'])
  t.assert.equal(asked[0]!.dispatch.coldStart, true)
  const stats = platform.scheduler.stats()
  t.assert.equal(stats.apps[0]!.readyInstances, 1)
  t.assert.equal(stats.inFlight, 0)
})

test('no more instances start at once than allowed, and whoever asked first is next', async t => {
  await using platform = await setUp({ startsAtOnce: '2' })
  const { runtime } = platform
  const names = ['a', 'b', 'c', 'd']
  const gates = new Map(names.map(name => [name, Promise.withResolvers<void>()]))
  const phasesMs = { isolate: 1, compile: 1, evaluate: 1 }
  runtime.onStart = async ({ app }) => {
    await gates.get(app)!.promise
    return { outcome: 'ok', phasesMs, handlers: ['fetch'] }
  }
  runtime.autoAnswer = 'hi'
  const bundlesRead: string[] = []
  const read = platform.store.bundle.bind(platform.store)
  platform.store.bundle = hash => {
    bundlesRead.push(hash)
    return read(hash)
  }
  for (const name of names) platform.store.deploy(name)

  const asked = names.map(name => platform.ask(name))
  await until(() => runtime.started.length === 2)
  const early = bundlesRead.length
  gates.get('b')!.resolve()
  await asked[1]!.answer
  await until(() => runtime.started.length === 3)
  for (const { resolve } of gates.values()) resolve()
  await Promise.all(asked.map(({ answer }) => answer))

  t.assert.equal(early, 2)
  t.assert.deepEqual(
    runtime.started.map(({ spec }) => spec.app),
    names,
  )
})

const LONG_BYTES = 24 * 2 ** 20

test('others’ requests pass a long bundle on its way', async t => {
  await using platform = await setUp()
  const { runtime, store } = platform
  runtime.autoAnswer = 'hi'
  store.deploy('quick')
  await platform.ask('quick').answer
  const before = runtime.bundleBytes
  runtime.onStart = () => new Promise(() => {})
  store.deploy('long', Buffer.alloc(LONG_BYTES))
  platform.ask('long')
  await until(() => runtime.bundleBytes > before)

  t.assert.equal((await platform.ask('quick').answer).body, 'hi')
  t.assert.equal(
    runtime.bundleBytes - before < LONG_BYTES / 2,
    true,
    `${runtime.bundleBytes} bytes were before it`,
  )
  await until(() => runtime.bundleBytes - before === LONG_BYTES)
})

test('of a start that has failed no more of the bundle is sent', async t => {
  await using platform = await setUp()
  const { runtime, store } = platform
  const phasesMs = { isolate: 1, compile: 1, evaluate: 1 }
  runtime.onStart = () => ({ outcome: 'startupError', phasesMs, message: 'no', stack: 'no', cpuMs: 1 })
  store.deploy('long', Buffer.alloc(LONG_BYTES))

  t.assert.equal((await platform.ask('long').answer).outcome, 'startupError')
  const sent = runtime.bundleBytes
  store.deploy('other')
  await platform.ask('other').answer

  t.assert.equal(sent < LONG_BYTES / 2, true, `${sent} bytes were sent`)
  t.assert.equal(
    runtime.bundleBytes < LONG_BYTES / 2,
    true,
    `${runtime.bundleBytes} bytes were sent in the end`,
  )
})

test('a warm request is sent before dispatch returns', async t => {
  await using platform = await setUp()
  platform.store.deploy('a')
  platform.runtime.autoAnswer = 'hi'
  await platform.ask('a').answer

  const exchange = platform.ask('a')

  t.assert.equal(exchange.dispatch.state, 'sent')
  t.assert.equal(exchange.dispatch.coldStart, false)
  await exchange.answer
})

test('a host that nothing answers gets scriptNotFound', async t => {
  await using platform = await setUp()

  t.assert.equal((await platform.ask('nobody').answer).outcome, 'scriptNotFound')
  t.assert.equal((await platform.ask('nobody').answer).outcome, 'scriptNotFound')
  t.assert.equal(platform.scheduler.stats().routeCache.negative, 1)
})

test('requests beyond the app’s bound are shed at once', async t => {
  await using platform = await setUp({ queueMax: '2' })
  platform.store.deploy('a')
  const first = platform.ask('a')
  const request = await platform.runtime.next()
  platform.ask('a')

  const shed = platform.ask('a')

  t.assert.equal((await shed.answer).outcome, 'loadShed')
  t.assert.equal(shed.dispatch.rejection, 'app_queue_full')
  t.assert.equal(shed.dispatch.retryAfterSeconds, 1)
  platform.runtime.respond(request, 'done')
  t.assert.equal((await first.answer).body, 'done')
})

test('a request that waits too long for an instance is shed', async t => {
  await using platform = await setUp({ queueMs: '50' })
  platform.store.deploy('a')
  platform.runtime.onStart = () => new Promise(() => {})

  const exchange = platform.ask('a')

  t.assert.equal((await exchange.answer).outcome, 'loadShed')
  t.assert.equal(exchange.dispatch.rejection, 'queue_deadline')
  t.assert.equal(platform.scheduler.stats().queued, 0)
})

test('an app that sends no first byte in time is aborted', async t => {
  await using platform = await setUp({ wallMs: '50' })
  platform.store.deploy('a')
  const exchange = platform.ask('a')
  const request = await platform.runtime.next()

  t.assert.equal((await exchange.answer).outcome, 'exceededWallTime')
  await until(() => platform.runtime.aborted.length > 0)
  t.assert.deepEqual(platform.runtime.aborted, [request.stream])
  t.assert.equal(platform.scheduler.stats().inFlight, 1)
  platform.runtime.finish(request, 6)
  await until(() => platform.scheduler.stats().inFlight === 0)
})

test('cancelling reaches the app, and a queued request simply leaves', async t => {
  await using platform = await setUp()
  platform.store.deploy('a')
  const sent = platform.ask('a')
  const request = await platform.runtime.next()
  platform.store.deploy('b')
  platform.runtime.onStart = () => new Promise(() => {})
  const ahead = platform.ask('b')
  const queued = platform.ask('b', { method: 'POST' })
  await until(() => platform.runtime.started.length === 2 && queued.dispatch.state === 'queued')

  for (const exchange of [sent, ahead, queued]) platform.scheduler.cancel(exchange)

  await until(() => platform.runtime.aborted.length === 2)
  t.assert.equal(platform.runtime.aborted[0], request.stream)
  t.assert.equal(platform.scheduler.stats().queued, 0)
  t.assert.equal(queued.dispatch.state, 'over')
})
