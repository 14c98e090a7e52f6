import { test } from 'node:test'
import { type ColdStartEvent, coldStartChannel } from '../../src/channels.ts'
import { collect, setUp, TestExchange, until } from './setup.ts'

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
  await until(() => starts.length === 2)
  t.assert.equal(starts.at(-1)!.reason, 'evicted')
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
  const stats = { instance, heapBytes: 1, externalBytes: 1, cpuMs: 50, servedMs: 0, busy: 1, queued: 4 }

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

test('the bundle of an app that was deleted is not kept', async t => {
  await using platform = await setUp()
  const { store, runtime, scheduler } = platform
  runtime.autoAnswer = 'hi'
  const reads: string[] = []
  const read = store.bundle.bind(store)
  store.bundle = hash => {
    reads.push(hash)
    return read(hash)
  }
  for (const change of ['redeployed', 'deleted', 'redeployed'] as const) {
    store.deploy('a')
    scheduler.changed('a', 'redeployed')
    await platform.ask('a').answer
    scheduler.changed('a', change)
  }

  t.assert.equal(reads.length, 2)
})
