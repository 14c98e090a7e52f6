import { type TestContext, test } from 'node:test'
import { type InstanceStuckEvent, instanceStuckChannel } from '../../src/channels.ts'
import type { StartResult } from '../../src/runtime/messages.ts'
import { collect, setUp, until } from './setup.ts'

const STARTED: StartResult = {
  outcome: 'ok',
  phasesMs: { isolate: 0, compile: 0, evaluate: 0 },
  handlers: ['fetch'],
}

/** Two runtimes, and an app that has been asked once, in the first; on a clock that the test turns. */
async function startTwo() {
  const clock = { ms: 0 }
  const setup = await setUp({}, { count: 2, now: () => clock.ms })
  setup.store.deploy('app')
  const [first, second] = setup.runtimes as [(typeof setup.runtimes)[0], (typeof setup.runtimes)[0]]
  first.autoAnswer = 'from the first'
  second.autoAnswer = 'from the second'
  await setup.ask('app').answer
  return {
    ...setup,
    clock,
    first,
    second,
    /** Has the apps of the first runtime go elsewhere. */
    vacate: () => {
      const runtime = setup.supervisor.runtimes[0]!
      runtime.leaving = true
      setup.scheduler.vacate(runtime)
    },
    [Symbol.asyncDispose]: () => setup[Symbol.asyncDispose](),
  }
}

async function assertAnswers(
  t: TestContext,
  { ask }: Awaited<ReturnType<typeof startTwo>>,
  expected: string,
): Promise<void> {
  const exchange = ask('app')
  const { body } = await exchange.answer
  t.assert.deepEqual([body, exchange.dispatch.coldStart], [expected, false])
}

/** Asks two more apps: the one is in the second runtime then, the other in the first. */
async function askOthers({ store, ask }: Awaited<ReturnType<typeof startTwo>>): Promise<void> {
  for (const app of ['other', 'stuck']) {
    store.deploy(app)
    await ask(app).answer
  }
}

test('an app in use leaves a runtime when it is ready in another: no request waits', async t => {
  await using setup = await startTwo()
  const { first, second } = setup
  const start = Promise.withResolvers<StartResult>()
  second.onStart = () => start.promise

  setup.vacate()
  await until(() => second.started.length === 1)
  await assertAnswers(t, setup, 'from the first')
  t.assert.deepEqual(first.stopped, [])
  start.resolve(STARTED)
  await until(() => first.stopped.length === 1)

  await assertAnswers(t, setup, 'from the second')
})

test('an app that nobody has asked for a while merely ends', async t => {
  await using setup = await startTwo()
  setup.clock.ms += 10_000

  setup.vacate()
  await until(() => setup.first.stopped.length === 1)

  t.assert.deepEqual(setup.second.started, [])
})

test('an app that does not start elsewhere stays where it is, and tries again', async t => {
  await using setup = await startTwo()
  const { first, second, clock } = setup
  second.onStart = () => ({ ...STARTED, outcome: 'startupError', message: 'not now' })

  setup.vacate()
  await until(() => second.started.length === 1)
  await assertAnswers(t, setup, 'from the first')
  t.assert.deepEqual(first.stopped, [])
  second.onStart = () => STARTED
  clock.ms += 1000
  await until(() => first.stopped.length === 1)

  t.assert.equal(second.started.length, 2)
  await assertAnswers(t, setup, 'from the second')
})

test('an app whose standing is bad leaves at once', async t => {
  await using setup = await startTwo()
  const { first, second } = setup
  const start = Promise.withResolvers<StartResult>()
  second.onStart = () => start.promise
  const runtime = setup.supervisor.runtimes[0]!

  setup.scheduler.judged({ isProven: false, apps: new Set(['app']) }, 'signal')
  runtime.leaving = true
  setup.scheduler.vacate(runtime)
  const waiting = setup.ask('app')
  await until(() => first.stopped.length === 1)
  start.resolve(STARTED)

  t.assert.equal((await waiting.answer).body, 'from the second')
})

test('neighbours of an instance that does not end are elsewhere before its runtime dies, and it is not', async t => {
  await using setup = await startTwo()
  const { first, second } = setup
  await askOthers(setup)
  const stuck = first.started.find(({ spec }) => spec.app === 'stuck')!.instance

  first.stick(stuck)
  await until(() => first.stopped.length === 1)
  first.die()

  await assertAnswers(t, setup, 'from the second')
  t.assert.deepEqual(
    second.started.map(({ spec }) => spec.app),
    ['other', 'app'],
  )
})

test('an instance that does not end is told of once, however often its runtime says so', async t => {
  await using setup = await startTwo()
  const { first } = setup
  const { instance, spec } = first.started[0]!
  const told = collect<InstanceStuckEvent>(t, instanceStuckChannel)

  for (let times = 0; times < 3; times++) first.stick(instance)
  await setup.ask('app').answer

  t.assert.deepEqual(told, [{ app: 'app', version: spec.version, instance, runtime: 'r0' }])
})

test('a runtime whose instance ends after all is one like any other', async t => {
  await using setup = await startTwo()
  const { first, store, ask } = setup
  await askOthers(setup)
  const stuck = first.started.find(({ spec }) => spec.app === 'stuck')!.instance

  first.stick(stuck)
  await until(() => first.stopped.length === 1)
  first.endInstance(stuck, {})
  await until(() => !setup.supervisor.runtimes[0]!.endangers('app'))
  store.deploy('new')

  t.assert.equal((await ask('new').answer).body, 'from the first')
})

test('where all runtimes have such an instance nobody leaves', async t => {
  await using setup = await startTwo()
  const { first, second } = setup
  await askOthers(setup)

  second.stick(second.started[0]!.instance)
  await until(() => setup.supervisor.runtimes[1]!.endangers('app'))
  first.stick(first.started[1]!.instance)
  await until(() => setup.supervisor.runtimes[0]!.endangers('app'))

  await assertAnswers(t, setup, 'from the first')
  t.assert.deepEqual([...first.stopped, ...second.stopped], [])
})
