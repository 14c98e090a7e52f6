import { test } from 'node:test'
import {
  type ColdStartEvent,
  coldStartChannel,
  type InstanceEndEvent,
  instanceEndChannel,
} from '../../src/channels.ts'
import { APP_CONFIG, collect, setUp, until } from './setup.ts'

test('a deploy sends new requests to the new version while the old one’s finish', async t => {
  await using platform = await setUp()
  const ends = collect<InstanceEndEvent>(t, instanceEndChannel)
  platform.store.deploy('a', 'one')
  const old = platform.ask('a')
  const oldRequest = await platform.runtime.next()
  await until(() => platform.scheduler.stats().apps[0]!.readyInstances === 1)

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

test('a trial that others cut short by bringing its runtime down is repeated, and not for ever', async t => {
  await using platform = await setUp()
  let deaths = 2
  platform.runtime.onStart = () => {
    if (deaths-- <= 0)
      return { outcome: 'ok', phasesMs: { isolate: 0, compile: 0, evaluate: 0 }, handlers: [] }
    platform.runtime.die()
    return new Promise(() => {})
  }

  t.assert.equal((await platform.scheduler.verify('a', APP_CONFIG, Buffer.from('one'))).outcome, 'ok')
  t.assert.equal(platform.runtime.started.length, 3)

  deaths = Infinity
  t.assert.equal(
    (await platform.scheduler.verify('b', APP_CONFIG, Buffer.from('one'))).outcome,
    'internalError',
  )
  t.assert.equal(platform.runtime.started.length, 6)
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
