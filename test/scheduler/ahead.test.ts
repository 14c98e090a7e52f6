/** Requests that are sent to an instance while it starts. */
import { type TestContext, test } from 'node:test'
import type { StartResult } from '../../src/runtime/messages.ts'
import { type Setup, setUp, until } from './setup.ts'

const STARTED: StartResult = {
  outcome: 'ok',
  phasesMs: { isolate: 1, compile: 1, evaluate: 1 },
  handlers: ['fetch'],
}

/** Starts of `a` end as the returned functions say. */
function gated(platform: Setup) {
  const gates: ((result: StartResult) => void)[] = []
  platform.runtime.onStart = () => new Promise(resolve => gates.push(resolve))
  platform.store.deploy('a')
  return gates
}

test('what changes nothing is with the runtime before the instance is ready, and counts as a cold start that waited', async t => {
  let time = 1000
  await using platform = await setUp({}, { now: () => time })
  const gates = gated(platform)
  platform.runtime.autoAnswer = 'hi'

  const safe = platform.ask('a')
  const unsafe = platform.ask('a', { method: 'POST' })
  const withBody = platform.ask('a', { hasBody: true })
  await until(() => platform.runtime.waitingAhead.length > 0)
  t.assert.deepEqual(
    platform.runtime.waitingAhead.map(({ method }) => method),
    ['GET'],
  )
  t.assert.deepEqual([unsafe.dispatch.state, withBody.dispatch.state], ['queued', 'queued'])
  time += 40
  gates[0]!(STARTED)

  for (const exchange of [safe, unsafe, withBody]) {
    t.assert.equal((await exchange.answer).body, 'hi')
    t.assert.equal(exchange.dispatch.coldStart, true)
    t.assert.equal(exchange.dispatch.queueMs, 40)
    t.assert.equal(exchange.dispatch.retries, 0)
  }
})

test('an app that does not start fails what was sent ahead, once', async t => {
  await using platform = await setUp()
  const gates = gated(platform)
  const exchange = platform.ask('a')
  await until(() => platform.runtime.waitingAhead.length === 1)

  gates[0]!({ ...STARTED, outcome: 'startupError', message: 'no', stack: 'no', cpuMs: 1 } as StartResult)

  t.assert.equal((await exchange.answer).outcome, 'startupError')
  t.assert.equal(platform.runtime.started.length, 1)
  await idle(t, platform)
})

test('what was sent ahead to a runtime that dies goes with the next start', async t => {
  await using platform = await setUp()
  const gates = gated(platform)
  platform.runtime.autoAnswer = 'hi'
  const exchange = platform.ask('a')
  await until(() => platform.runtime.waitingAhead.length === 1)

  platform.runtime.die()
  await until(() => gates.length === 2)
  gates[1]!(STARTED)

  t.assert.equal((await exchange.answer).body, 'hi')
  await idle(t, platform)
})

test('what was sent ahead to a start that does not end is shed like what waits', async t => {
  await using platform = await setUp({ queueMs: '50' })
  gated(platform)
  const exchanges = [platform.ask('a'), platform.ask('a', { method: 'POST' })]

  for (const exchange of exchanges) {
    t.assert.equal((await exchange.answer).outcome, 'loadShed')
    t.assert.equal(exchange.dispatch.rejection, 'queue_deadline')
    t.assert.equal(exchange.dispatch.retryAfterSeconds, 1)
  }
  await until(() => platform.runtime.aborted.length === 1)
})

test('a deploy takes back what was sent ahead, to the new version', async t => {
  await using platform = await setUp()
  const gates = gated(platform)
  platform.runtime.autoAnswer = 'hi'
  const exchange = platform.ask('a')
  await until(() => platform.runtime.waitingAhead.length === 1)

  platform.store.deploy('a', 'two')
  platform.scheduler.changed('a', 'redeployed')
  await until(() => gates.length === 2)
  gates[1]!(STARTED)
  t.assert.equal((await exchange.answer).body, 'hi')
  gates[0]!(STARTED)

  t.assert.equal(exchange.dispatch.version, 'a-v2')
  await idle(t, platform)
})

/** Nothing is under way any more, by any account. */
async function idle(t: TestContext, { scheduler }: Setup): Promise<void> {
  await until(() => scheduler.stats().inFlight === 0)
  t.assert.equal(scheduler.stats().queued, 0)
  await until(() => scheduler.stats().runtimes.every(({ up }) => up))
}
