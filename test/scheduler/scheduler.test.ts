import { test } from 'node:test'
import {
  type ColdStartEvent,
  coldStartChannel,
  type InstanceEndEvent,
  instanceEndChannel,
  type RuntimeRestartEvent,
  retryChannel,
  runtimeRestartChannel,
} from '../../src/channels.ts'
import { APP_CONFIG, setUp, TestExchange, until } from './scripted-runtime.ts'

/** Collects what a channel tells during a test. */
function collect<T>(
  t: { after(fn: () => void): void },
  channel: { subscribe(fn: (m: T) => void): void; unsubscribe(fn: (m: T) => void): void },
): T[] {
  const events: T[] = []
  const listener = (event: T) => void events.push(event)
  channel.subscribe(listener)
  t.after(() => channel.unsubscribe(listener))
  return events
}

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
  t.assert.equal(starts.length, 1)
  t.assert.equal(starts[0]!.reason, 'first')
  t.assert.deepEqual(Object.keys(starts[0]!.phasesMs), ['fetch', 'isolate', 'compile', 'evaluate'])
  t.assert.equal(asked[0]!.dispatch.coldStart, true)
  const stats = platform.scheduler.stats()
  t.assert.equal(stats.apps[0]!.readyInstances, 1)
  t.assert.equal(stats.inFlight, 0)
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
  const queued = platform.ask('b')
  await until(() => queued.dispatch.state === 'queued')

  platform.scheduler.cancel(sent)
  platform.scheduler.cancel(queued)

  await until(() => platform.runtime.aborted.includes(request.stream))
  t.assert.equal(platform.scheduler.stats().queued, 0)
  t.assert.equal(queued.dispatch.state, 'over')
})

test('an app that does not start fails everyone who waits, and is not tried again at once', async t => {
  await using platform = await setUp()
  platform.store.deploy('a')
  const phasesMs = { isolate: 0, compile: 0, evaluate: 0 }
  platform.runtime.onStart = () => ({ outcome: 'startupError', phasesMs, message: 'SyntaxError: no' })

  const answers = await Promise.all([platform.ask('a').answer, platform.ask('a').answer])
  const again = await platform.ask('a').answer

  for (const answer of [...answers, again]) {
    t.assert.deepEqual([answer.outcome, answer.message], ['startupError', 'SyntaxError: no'])
  }
  t.assert.equal(platform.runtime.started.length, 1)
})

test('when an instance is killed only the guilty request fails', async t => {
  await using platform = await setUp()
  const retries = collect<{ reason: string }>(t, retryChannel)
  platform.store.deploy('a')
  const guilty = platform.ask('a', { path: '/guilty' })
  const requests = [await platform.runtime.next()]
  const entered = platform.ask('a', { path: '/entered' })
  const posted = platform.ask('a', { path: '/posted', method: 'POST' })
  const untouched = platform.ask('a', { path: '/untouched', method: 'POST', hasBody: true })
  for (let i = 0; i < 3; i++) requests.push(await platform.runtime.next())

  platform.runtime.autoAnswer = 'second'
  platform.runtime.endInstance(
    requests[0]!.instance,
    { reason: 'exceededCpu', message: 'too much' },
    { guilty: requests[0]!.stream, untouched: [requests[3]!.stream] },
  )

  t.assert.deepEqual(await guilty.answer, { outcome: 'exceededCpu', message: 'too much', body: '' })
  t.assert.equal((await entered.answer).body, 'second')
  t.assert.equal((await untouched.answer).body, 'second')
  t.assert.equal((await posted.answer).outcome, 'exceededCpu')
  t.assert.deepEqual(
    retries.map(({ reason }) => reason),
    ['instance_died', 'instance_died'],
  )
  t.assert.equal(platform.runtime.started.length, 2)
})

test('an instance that is killed with nobody to blame fails all that had entered', async t => {
  await using platform = await setUp()
  platform.store.deploy('a')
  const exchange = platform.ask('a')
  const { instance } = await platform.runtime.next()

  platform.runtime.endInstance(instance, { reason: 'exceededMemory' })

  t.assert.equal((await exchange.answer).outcome, 'exceededMemory')
})

test('a safe request survives the death of its runtime, and is replayed at most twice', async t => {
  await using platform = await setUp({}, { count: 2 })
  const restarts = collect<RuntimeRestartEvent>(t, runtimeRestartChannel)
  const [first, second] = platform.runtimes
  platform.store.deploy('a')
  const safe = platform.ask('a')
  const unsafe = platform.ask('a', { method: 'POST' })
  await first!.next()
  await first!.next()

  first!.die()
  const replayed = await second!.next()
  second!.respond(replayed, 'alive')

  t.assert.equal((await safe.answer).body, 'alive')
  t.assert.equal(safe.dispatch.retries, 1)
  t.assert.equal((await unsafe.answer).outcome, 'internalError')
  await until(() => restarts.length === 1)
  t.assert.deepEqual(restarts[0]!.apps, ['a'])
  await until(() => platform.scheduler.stats().runtimes.every(runtime => runtime.up))
})

test('a request is not replayed a third time', async t => {
  await using platform = await setUp()
  platform.store.deploy('a')
  const exchange = platform.ask('a')

  for (let deaths = 0; deaths < 3; deaths++) {
    await platform.runtime.next()
    platform.runtime.die()
  }

  t.assert.equal((await exchange.answer).outcome, 'internalError')
  t.assert.equal(exchange.dispatch.replays, 2)
})

test('a silent runtime is given up', async t => {
  await using platform = await setUp({ heartbeatMisses: '2' })
  const restarts = collect<RuntimeRestartEvent>(t, runtimeRestartChannel)

  platform.runtime.answersPings = false
  await until(() => restarts.length > 0)

  t.assert.equal(restarts[0]!.reason, 'heartbeat')
})

test('a deploy sends new requests to the new version while the old one’s finish', async t => {
  await using platform = await setUp()
  const ends = collect<InstanceEndEvent>(t, instanceEndChannel)
  platform.store.deploy('a', 'one')
  const old = platform.ask('a')
  const oldRequest = await platform.runtime.next()

  platform.store.deploy('a', 'two')
  platform.scheduler.changed('a', 'redeployed')
  const fresh = platform.ask('a')
  const freshRequest = await platform.runtime.next()
  platform.runtime.respond(freshRequest, 'new')
  t.assert.equal((await fresh.answer).body, 'new')
  t.assert.deepEqual(platform.runtime.stopped, [])
  platform.runtime.respond(oldRequest, 'old')

  t.assert.equal((await old.answer).body, 'old')
  t.assert.deepEqual(
    platform.runtime.started.map(({ spec }) => spec.version),
    ['a-v1', 'a-v2'],
  )
  await until(() => ends.length === 1)
  t.assert.deepEqual(platform.runtime.stopped, [oldRequest.instance])
})

test('a version that was verified serves its first request on the instance of its trial', async t => {
  await using platform = await setUp()
  const starts = collect<ColdStartEvent>(t, coldStartChannel)
  platform.store.deploy('a', 'one')
  platform.runtime.autoAnswer = 'hi'
  await platform.ask('a').answer
  const config = { ...APP_CONFIG, vars: { key: 'value' } }

  const result = await platform.scheduler.verify('a', config, Buffer.from('two'))
  platform.store.deploy('a', 'two', config)
  platform.scheduler.changed('a', 'redeployed')
  const exchange = platform.ask('a')

  t.assert.equal(result.outcome, 'ok')
  t.assert.equal((await exchange.answer).outcome, 'ok')
  t.assert.equal(exchange.dispatch.version, 'a-v2')
  t.assert.equal(exchange.dispatch.coldStart, false)
  t.assert.equal(platform.runtime.started.length, 2)
  t.assert.equal(starts.at(-1)!.reason, 'deploy')
})

test('a trial of another bundle or configuration is not adopted', async t => {
  await using platform = await setUp()
  platform.runtime.autoAnswer = 'hi'

  await platform.scheduler.verify('a', APP_CONFIG, Buffer.from('two'))
  platform.store.deploy('a', 'three')
  platform.scheduler.changed('a', 'redeployed')
  await platform.ask('a').answer

  t.assert.equal(platform.runtime.started.length, 2)
})

test('what waits for a version that does not come up goes to the one that is deployed meanwhile', async t => {
  await using platform = await setUp()
  platform.store.deploy('a', 'one')
  platform.runtime.autoAnswer = 'hi'
  platform.runtime.onStart = spec =>
    spec.version === 'a-v1'
      ? new Promise(() => {})
      : { outcome: 'ok', phasesMs: { isolate: 0, compile: 0, evaluate: 0 }, handlers: [] }
  const exchange = platform.ask('a')
  await until(() => platform.runtime.started.length === 1)

  platform.store.deploy('a', 'two')
  platform.scheduler.changed('a', 'redeployed')

  t.assert.equal((await exchange.answer).outcome, 'ok')
  t.assert.equal(exchange.dispatch.version, 'a-v2')
})

test('a deploy or deletion by another process is seen', async t => {
  await using platform = await setUp({ generationPollMs: '10' })
  platform.store.deploy('a', 'one')
  platform.runtime.autoAnswer = 'hi'
  await platform.ask('a').answer
  const versionNow = () => platform.scheduler.stats().apps[0]?.version

  const { generation } = platform.scheduler.stats()
  platform.store.deploy('a', 'two')
  await until(() => platform.scheduler.stats().generation > generation)
  const exchange = platform.ask('a')
  await exchange.answer
  t.assert.equal(exchange.dispatch.version, 'a-v2')
  platform.store.delete('a')
  await until(() => versionNow() === undefined)

  t.assert.equal((await platform.ask('a').answer).outcome, 'scriptNotFound')
})

test('loaded apps go on while the store is down, others are told', async t => {
  await using platform = await setUp()
  platform.store.deploy('a')
  platform.runtime.autoAnswer = 'hi'
  await platform.ask('a').answer
  platform.store.deploy('b')
  platform.scheduler.changed('b', 'redeployed')

  platform.store.down = true
  const loaded = platform.ask('a')
  const cold = platform.ask('b')

  t.assert.equal((await loaded.answer).outcome, 'ok')
  t.assert.equal((await cold.answer).outcome, 'internalError')
  t.assert.equal(cold.dispatch.rejection, 'store_unavailable')
  platform.store.down = false
  t.assert.equal((await platform.ask('b').answer).outcome, 'ok')
})

test('an instance without requests ends, counted from its last one', async t => {
  await using platform = await setUp({ idleMs: '120' })
  const starts = collect<ColdStartEvent>(t, coldStartChannel)
  platform.store.deploy('a')
  const exchange = platform.ask('a')
  const request = await platform.runtime.next()
  await new Promise(resolve => setTimeout(resolve, 250))
  t.assert.deepEqual(platform.runtime.stopped, [])

  platform.runtime.respond(request, 'done')
  await exchange.answer
  await until(() => platform.runtime.stopped.length === 1)

  t.assert.equal(platform.scheduler.stats().apps[0]!.readyInstances, 0)
  platform.runtime.autoAnswer = 'hi'
  t.assert.equal((await platform.ask('a').answer).body, 'hi')
  t.assert.equal(starts.at(-1)!.reason, 'evicted')
})

test('an app beyond the cache’s bound is drained, not killed', async t => {
  await using platform = await setUp({ appsMax: '1' })
  platform.store.deploy('a')
  platform.store.deploy('b')
  const exchange = platform.ask('a')
  const request = await platform.runtime.next()

  platform.runtime.autoAnswer = 'b'
  t.assert.equal((await platform.ask('b').answer).body, 'b')
  t.assert.deepEqual(platform.runtime.stopped, [])
  platform.runtime.respond(request, 'a')

  t.assert.equal((await exchange.answer).body, 'a')
  await until(() => platform.runtime.stopped.includes(request.instance))
})

test('two apps that evict each other are both served', async t => {
  await using platform = await setUp({ appsMax: '1' })
  platform.store.deploy('a')
  platform.store.deploy('b')
  platform.runtime.autoAnswer = 'hi'

  const asked = Array.from({ length: 40 }, (_, i) => platform.ask(i % 2 ? 'a' : 'b').answer)

  for (const { outcome } of await Promise.all(asked)) t.assert.equal(outcome, 'ok')
})

test('a lasting backlog gets a second instance on another runtime', async t => {
  await using platform = await setUp({ heartbeatMs: '50' }, { count: 2 })
  const [first, second] = platform.runtimes
  platform.store.deploy('a')
  platform.ask('a')
  const { instance } = await first!.next()
  const stats = { instance, heapBytes: 1, externalBytes: 1, cpuMs: 50, busy: 1, queued: 4 }

  first!.stats = { instances: [stats] }
  await until(() => second!.started.length === 1)
  await until(() => platform.scheduler.stats().apps[0]!.readyInstances === 2)

  second!.autoAnswer = 'second'
  t.assert.equal((await platform.ask('a').answer).body, 'second')
})

test('draining waits for what is in flight, waitUntil work included', async t => {
  await using platform = await setUp()
  platform.store.deploy('a')
  const exchange = platform.ask('a')
  const request = await platform.runtime.next()
  let drained = false
  const draining = platform.scheduler.drain(10_000).then(() => {
    drained = true
  })

  platform.runtime.respond(request, 'done', { finished: false })
  await exchange.answer
  t.assert.equal(drained, false)
  platform.runtime.finish(request, 0)

  await draining
})

test('stopping fails what is still there', async t => {
  const platform = await setUp()
  platform.store.deploy('a')
  const exchange = platform.ask('a')
  await platform.runtime.next()

  await platform[Symbol.asyncDispose]()

  t.assert.equal((await exchange.answer).outcome, 'internalError')
  const late = new TestExchange('a')
  platform.scheduler.dispatch(late)
  t.assert.equal((await late.answer).outcome, 'loadShed')
})
