import { test } from 'node:test'
import {
  type InstanceEndEvent,
  instanceEndChannel,
  type QuarantineEvent,
  quarantineChannel,
  type RuntimeRestartEvent,
  runtimeRestartChannel,
} from '../../src/channels.ts'
import { ageMs, answering, load, niceValues, startAll } from './real-runtimes.ts'
import { collect, until } from './setup.ts'

const ROOMY = { memoryMb: '512', memoryMbMax: '512', cpuMs: '20000', cpuMsMax: '20000' }

/** Keeps this much more at each request. */
const hoarding = (megabytes: number) => `const kept = []
  export default { fetch() { kept.push(new Uint8Array(${megabytes}e6).fill(1)); return new Response('kept') } }`

/** Grows WebAssembly memory, which no heap limit sees, for as long as it may. */
const GROWING = `export default {
  fetch() {
    const kept = []
    for (;;) {
      const memory = new WebAssembly.Memory({ initial: 256 })
      new Uint8Array(memory.buffer).fill(1)
      kept.push(memory)
    }
  },
}`

/** V8 gives the whole process up at /bomb. */
const BOMB = `export default {
  fetch(request) {
    if (request.url.endsWith('/bomb')) new Array(1e9).fill(1)
    return new Response('fine')
  },
}`

test('an app that brought a runtime down is paused, then runs alone, until it is released', async t => {
  await using platform = await startAll({ queueMs: '60000' })
  const changes = collect<QuarantineEvent>(t, quarantineChannel)
  platform.deploy('bomb', BOMB)
  platform.deploy('victim', answering('well'))
  await platform.ask('victim')
  const { stop } = load(4, () => platform.ask('victim'))
  const whereabouts = () =>
    platform.scheduler.stats().apps.find(({ name }) => name === 'bomb')!.instances[0]?.runtime

  const bombing = platform.ask('bomb', '/bomb')
  // The pause is short: it begins with this, not with the answer.
  await until(() => changes.length > 0)
  const paused = await platform.ask('bomb')
  const [held] = platform.scheduler.stats().quarantine
  const bombed = await bombing
  await until(() => platform.scheduler.pausedMs('bomb') === 0)
  const alone = await platform.ask('bomb')
  const cell = whereabouts()
  const released = platform.scheduler.releaseApp('bomb')
  const free = await platform.ask('bomb')

  t.assert.equal(bombed.status, 503)
  t.assert.deepEqual([paused.status, paused.headers['retry-after']], [503, '1'])
  t.assert.deepEqual(
    [held!.app, held!.state, held!.reason, held!.deaths],
    ['bomb', 'quarantined', 'catastrophe', 1],
  )
  t.assert.deepEqual([alone.body, cell], ['fine', 'q0'])
  t.assert.deepEqual([released, free.body], [true, 'fine'])
  // Where it is then depends on how long the machine took for the bomb: among all others, or among busy apps.
  t.assert.match(whereabouts()!, /^[rb]/)
  t.assert.deepEqual(
    changes.map(({ app, change }) => `${app} ${change}`),
    ['bomb quarantined', 'bomb released'],
  )
  t.assert.deepEqual(
    (await stop()).filter(({ body }) => body !== 'well'),
    [],
  )
})

test('an app whose start cannot be ended is answered first, and blamed for its runtime then', async t => {
  await using platform = await startAll({ startupCpuMs: '100' })
  const changes = collect<QuarantineEvent>(t, quarantineChannel)
  const ends = collect<InstanceEndEvent>(t, instanceEndChannel)
  platform.deploy('stubborn', 'let n = 3n; for (;;) n *= n')

  const answer = await platform.ask('stubborn')
  const quarantinedBefore = changes.length
  await until(() => changes.length > 0)

  t.assert.equal(answer.status, 500)
  t.assert.equal(quarantinedBefore, 0)
  t.assert.deepEqual(
    changes.map(({ app, change, reason }) => [app, change, reason]),
    [['stubborn', 'quarantined', 'catastrophe']],
  )
  await until(() => ends.length > 0)
  t.assert.deepEqual(
    ends.map(({ app, reason }) => [app, reason]),
    [['stubborn', 'exceededCpu']],
  )
})

test('a quarantined app yields its cores to all others', {
  skip: process.platform !== 'linux' && 'threads have no nice values here',
}, async t => {
  await using platform = await startAll({ backgroundNice: '7' })
  platform.deploy('bomb', BOMB)
  await platform.ask('bomb', '/bomb')
  await until(() => platform.scheduler.pausedMs('bomb') === 0)

  const { body } = await platform.ask('bomb')

  const cell = platform.supervisor.runtimes.find(({ id }) => id === 'q0')!
  const lowered = niceValues(process.pid).first + 7
  await until(() => {
    const { others } = niceValues(cell.pid)
    return others.length > 0 && others.every(({ nice }) => nice === lowered)
  })
  t.assert.equal(body, 'fine')
})

test('an app whose isolate alone was ended is not quarantined', async t => {
  await using platform = await startAll()
  platform.deploy('spin', 'export default { fetch() { for (;;); } }')

  const spun = await platform.ask('spin')

  t.assert.equal(spun.headers['x-vitrine-outcome'], 'exceededCpu')
  t.assert.deepEqual(platform.scheduler.stats().quarantine, [])
})

test('when a runtime crashes, each app that may have done it runs alone, and no request fails', async t => {
  await using platform = await startAll({ runtimes: '1' })
  for (const app of ['a', 'b']) platform.deploy(app, answering(app))
  const loads = ['a', 'b'].map(app => load(4, () => platform.ask(app)))
  await until(() => loads.every(({ answers }) => answers.length > 50))

  process.kill(platform.supervisor.runtimes[0]!.pid, 'SIGSEGV')
  await until(() => platform.scheduler.stats().quarantine.length > 0)
  const { quarantine } = platform.scheduler.stats()
  const counts = loads.map(({ answers }) => answers.length)
  await until(() => loads.every(({ answers }, index) => answers.length > counts[index]! + 50))

  for (const { app } of quarantine) {
    const { instances } = platform.scheduler.stats().apps.find(({ name }) => name === app)!
    t.assert.deepEqual([...new Set(instances.map(({ runtime }) => runtime[0]))], ['q'])
  }
  const answers = await Promise.all(loads.map(({ stop }) => stop()))
  t.assert.deepEqual(
    answers.flat().filter(({ status }) => status !== 200),
    [],
  )
})

test('short of memory, a runtime ends idle instances, the largest first', async t => {
  const ends = collect<InstanceEndEvent>(t, instanceEndChannel)
  const restarts = collect<RuntimeRestartEvent>(t, runtimeRestartChannel)
  await using platform = await startAll({ ...ROOMY, runtimes: '1', runtimeRssMb: '400' })
  platform.deploy('small', answering('small'))
  for (const [app, megabytes] of [
    ['large', 80],
    ['larger', 120],
  ] as const) {
    platform.deploy(app, hoarding(megabytes))
  }
  await platform.ask('small')

  for (const app of ['large', 'larger', 'large']) await platform.ask(app)
  // If the largest is not enough the small one is told to end too, and may be done sooner.
  await until(() => ends.some(({ app }) => app !== 'small'))

  t.assert.equal(
    ends.every(({ reason }) => reason === 'evicted'),
    true,
  )
  t.assert.deepEqual(restarts, [])
  t.assert.equal((await platform.ask('small')).body, 'small')
})

test('who grows outside of its heap ends as exceededMemory, and its neighbour goes on', async t => {
  const ends = collect<InstanceEndEvent>(t, instanceEndChannel)
  const restarts = collect<RuntimeRestartEvent>(t, runtimeRestartChannel)
  await using platform = await startAll({ ...ROOMY, memoryMb: '128', runtimes: '1', runtimeRssMb: '1200' })
  platform.deploy('wasm', GROWING)
  platform.deploy('victim', answering('well'))
  await platform.ask('victim')
  const { stop } = load(4, () => platform.askGently('victim'))

  const grown = await platform.ask('wasm')

  t.assert.equal(grown.headers['x-vitrine-outcome'], 'exceededMemory')
  t.assert.deepEqual(
    ends.map(({ app, reason, requestId }) => [app, reason, requestId === grown.headers['x-request-id']]),
    [['wasm', 'exceededMemory', true]],
  )
  t.assert.deepEqual(restarts, [])
  t.assert.deepEqual(
    (await stop()).filter(({ body }) => body !== 'well'),
    [],
  )
})

test('once a runtime has died, a warm one waits for the next death', async t => {
  await using platform = await startAll()
  t.assert.equal(platform.supervisor.spares, 0)
  const [runtime] = platform.supervisor.runtimes
  const isBack = (pid: number) => runtime!.up && runtime!.pid !== pid
  const kill = async () => {
    const { pid } = runtime!
    process.kill(pid, 'SIGKILL')
    await until(() => isBack(pid))
  }

  await kill()
  await until(() => platform.supervisor.spares === 1)
  const began = performance.now()
  await kill()

  t.diagnostic(`replaced within ${Math.round(performance.now() - began)} ms`)
  await until(() => platform.supervisor.spares === 1)
})

test('an app that is to run alone finds a warm runtime, started since its fall and not for its request', {
  skip: process.platform !== 'linux' && 'nothing tells the age of a process here',
}, async t => {
  await using platform = await startAll()
  platform.deploy('bomb', BOMB)
  await platform.ask('bomb', '/bomb')
  const began = performance.now()
  await until(() => platform.supervisor.spares === 2 && platform.scheduler.pausedMs('bomb') === 0)
  const waitedMs = performance.now() - began
  const askedAt = performance.now()

  const { body } = await platform.ask('bomb')

  const cell = platform.supervisor.runtimes.find(({ id }) => id === 'q0')!
  const ageAtAsk = ageMs(cell.pid) - (performance.now() - askedAt)
  t.assert.equal(body, 'fine')
  t.assert.equal(ageAtAsk > 0, true, `${ageAtAsk} ms old when it was asked, ${waitedMs} ms after the fall`)
  await until(() => platform.supervisor.spares === 2)
})

test('an app that has brought two runtimes down is alone when it is deployed anew', async t => {
  await using platform = await startAll()
  const changes = collect<QuarantineEvent>(t, quarantineChannel)
  const whereabouts = () =>
    platform.scheduler.stats().apps.find(({ name }) => name === 'bomb')!.instances[0]?.runtime[0]
  const redeploy = () => {
    platform.deploy('bomb', BOMB)
    platform.scheduler.changed('bomb', 'redeployed')
  }
  const homes: (string | undefined)[] = []
  const bodies: string[] = []

  for (let death = 1; death <= 3; death++) {
    redeploy()
    await until(() => platform.scheduler.pausedMs('bomb') === 0)
    bodies.push((await platform.ask('bomb')).body)
    homes.push(whereabouts())
    const held = changes.length
    await platform.ask('bomb', '/bomb')
    await until(() => changes.length > held)
  }
  const released = platform.scheduler.releaseApp('bomb')

  t.assert.deepEqual(bodies, ['fine', 'fine', 'fine'])
  t.assert.deepEqual(homes, ['r', 'r', 'q'])
  t.assert.equal(released, true)
  t.assert.deepEqual(
    changes.map(({ change }) => change),
    ['quarantined', 'released', 'quarantined', 'released', 'quarantined', 'released'],
  )
})
