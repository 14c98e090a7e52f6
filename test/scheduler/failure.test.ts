import { test } from 'node:test'
import {
  type QuarantineEvent,
  quarantineChannel,
  type RuntimeRestartEvent,
  retryChannel,
  runtimeRestartChannel,
} from '../../src/channels.ts'
import { collect, setUp, until } from './setup.ts'

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

test('a runtime that stays above its memory ceiling is given up, and who holds its memory is to blame', async t => {
  await using platform = await setUp({ runtimeRssMb: '128' })
  const restarts = collect<RuntimeRestartEvent>(t, runtimeRestartChannel)
  const changes = collect<QuarantineEvent>(t, quarantineChannel)
  platform.store.deploy('hog')
  platform.store.deploy('neighbour')
  const hog = platform.ask('hog')
  const { instance } = await platform.runtime.next()
  const neighbour = platform.ask('neighbour')
  const { instance: other } = await platform.runtime.next()

  const stats = {
    instance,
    heapBytes: 120e6,
    externalBytes: 0,
    cpuMs: 50,
    servedMs: 0,
    busy: 0.1,
    queued: 0,
  }
  const instances = [stats, { ...stats, instance: other, heapBytes: 1e6 }]
  platform.runtime.stats = { rssBytes: 200e6, instances }
  await until(() => restarts.length > 0)
  platform.runtime.stats = {}
  platform.runtime.respond(await platform.runtime.next(), 'well')

  t.assert.equal(restarts[0]!.reason, 'rss')
  t.assert.deepEqual(restarts[0]!.apps, ['hog', 'neighbour'])
  t.assert.deepEqual(
    changes.map(({ app, change }) => `${app} ${change}`),
    ['hog quarantined'],
  )
  t.assert.equal((await hog.answer).outcome, 'exceededMemory')
  t.assert.equal((await neighbour.answer).body, 'well')
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
