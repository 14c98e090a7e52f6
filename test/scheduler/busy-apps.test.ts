import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPTIONS } from '../../src/config.ts'
import { BusyApps } from '../../src/scheduler/busy-apps.ts'
import { type Answer, answering, bundleOf, load, niceValues, startAll } from './real-runtimes.ts'
import { APP_CONFIG, until } from './setup.ts'

const BEAT_MS = 500

interface Use {
  cores: number
  /** The share of the time for which it ran or could have. Default: as much as it had a core. */
  running?: number
  /** In a beat. */
  servedMs?: number
}

/** Beats on a clock that goes by beats alone; each is told what every app uses, in cores where it is a number. */
function scripted() {
  let now = 0
  const busy = new BusyApps({ now: () => now, max: 10 })
  const beat = (apps: Record<string, number | Use>, beats = 1) => {
    let found: string[] = []
    for (; beats > 0; beats--) {
      now += BEAT_MS
      found = busy.beat(Object.entries(apps).map(([name, use]) => usage(name, use)))
    }
    return found
  }
  return { busy, beat }
}

function usage(name: string, use: number | Use) {
  const { cores, running = cores, servedMs = 0 } = typeof use === 'number' ? { cores: use } : use
  return { name, cpuMs: cores * BEAT_MS, servedMs, running }
}

test('an app that computes beside others is busy after a second, and a quick one is not', () => {
  const { beat } = scripted()

  const found = [beat({ burn: 0.9, hello: 0.1 }), beat({ burn: 0.9, hello: 0.1 })]

  assert.deepEqual(found, [[], ['burn']])
})

test('an app whose bodies keep others at work is as busy as one that computes', () => {
  const { beat } = scripted()

  assert.deepEqual(beat({ uploads: { cores: 0.1, servedMs: 100 }, hello: 0.1 }, 2), [])
  assert.deepEqual(beat({ uploads: { cores: 0.1, servedMs: 250 }, hello: 0.1 }, 2), ['uploads'])
})

test('an app that has nobody beside it is not busy, whatever it does', () => {
  const { busy, beat } = scripted()

  const computing = beat({ burn: 1 }, 10)
  busy.overreached('burn')

  assert.deepEqual(computing, [])
  assert.equal(busy.has('burn'), false)
})

test('an app that had to be ended for what it used is busy at once, if it has a neighbour', () => {
  const { busy, beat } = scripted()
  beat({ hello: 0.1 })

  busy.overreached('burn')

  assert.equal(busy.has('burn'), true)
})

test('where cores are short an app is busy that uses its part of them and would use more', () => {
  const found = scripted().beat(
    {
      burn: { cores: 0.35, running: 1 },
      spin: { cores: 0.35, running: 1 },
      hello: { cores: 0.25, running: 0.9 },
    },
    2,
  )

  assert.deepEqual(found.toSorted(), ['burn', 'spin'])
})

test('where cores are free an app that uses less than half a one is not busy, nor one that merely waits', () => {
  const found = scripted().beat({ work: 0.4, hello: 0.1, waits: { cores: 0.15, running: 1 } }, 2)

  assert.deepEqual(found, [])
})

test('an app that is deployed again and again is busy, and one that is deployed once is not', () => {
  const { busy, beat } = scripted()
  const found: string[][] = []

  for (let i = 0; i < 3; i++) {
    if (i === 0) busy.tried('once')
    for (let deploys = 0; deploys < 2; deploys++) busy.tried('storm')
    found.push(beat({ hello: 0.1 }))
  }

  assert.deepEqual(found, [[], ['storm'], ['storm']])
})

test('an app that has calmed down is busy no more, after a while', () => {
  const { beat } = scripted()
  beat({ burn: 0.9, hello: 0.1 }, 2)

  const soon = beat({ burn: 0.1, hello: 0.1 }, 15)
  const later = beat({ burn: 0.1, hello: 0.1 }, 10)

  assert.deepEqual([soon, later], [['burn'], []])
})

test('a busy app that uses less, but not little, stays busy', () => {
  const { beat } = scripted()
  beat({ burn: 0.9, hello: 0.1 }, 2)

  assert.deepEqual(beat({ burn: 0.3, hello: 0.1 }, 40), ['burn'])
})

test('busy apps run together in a runtime that yields to all others', {
  skip: process.platform !== 'linux' && 'threads have no nice values here',
}, async t => {
  await using platform = await startAll()
  platform.deploy('hello', answering('hi'))
  platform.deploy('burn', 'export default { fetch() { for (;;); } }')
  platform.deploy(
    'work',
    `export default { fetch() {
      for (const end = Date.now() + 100; Date.now() < end; );
      return new Response('done')
    } }`,
  )
  const loads = [
    load(1, () => platform.askGently('hello')),
    load(1, () => platform.ask('burn')),
    load(1, () => platform.ask('work')),
  ]
  const whereabouts = (app: string) =>
    platform.scheduler
      .stats()
      .apps.find(({ name }) => name === app)
      ?.instances.map(({ runtime }) => runtime)

  await until(
    () => whereabouts('burn')?.[0] === 'b0' && whereabouts('work')?.every(id => id === 'b0') === true,
  )
  const { pid } = platform.supervisor.runtimes.find(({ id }) => id === 'b0')!
  const { first } = niceValues(process.pid)
  await until(() =>
    niceValues(pid).others.every(({ nice }) => nice === first + OPTIONS.backgroundNice.default),
  )
  const answers = await Promise.all(loads.map(({ stop }) => stop()))

  t.assert.equal(niceValues(pid).first, first)
  t.assert.equal(whereabouts('hello')?.[0]?.[0], 'r')
  t.assert.deepEqual(
    answers.map(all => [...new Set(all.map(({ status }) => status))]),
    [[200], [503], [200]],
  )
})

test('an app that is deployed again and again is tried out where busy apps run', {
  skip: process.platform !== 'linux' && 'threads have no nice values here',
}, async t => {
  await using platform = await startAll()
  platform.deploy('hello', answering('hi'))
  const asked = load(1, () => platform.askGently('hello'))
  const storm = load(1, async () => {
    const { outcome } = await platform.scheduler.verify('storm', APP_CONFIG, bundleOf(answering('again')))
    return { status: outcome === 'ok' ? 200 : 500, body: '', headers: {} }
  })
  const inBackground = () =>
    platform.supervisor.runtimes.find(({ id }) => id === 'b0')?.instances.values() ?? []

  await until(() => [...inBackground()].some(({ owner }) => owner.name === 'storm'))
  const answers = [...(await storm.stop()), ...(await asked.stop())]

  t.assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
})

test('an app with a long bundle starts where busy apps run, if others are at work, and stays there', {
  skip: process.platform !== 'linux' && 'threads have no nice values here',
  timeout: 30_000,
}, async t => {
  await using platform = await startAll({ backgroundBundleMb: '1', heartbeatMs: '50' })
  const whereabouts = () =>
    platform.supervisor.runtimes
      .filter(({ instances }) => [...instances.values()].some(({ owner }) => owner.name === 'long'))
      .map(({ id }) => id)
  const long = `${answering('long')} // ${'x'.repeat(2 ** 20)}`
  platform.deploy('long', long)
  t.assert.equal((await platform.ask('long')).body, 'long')
  const alone = whereabouts()

  platform.deploy('hello', answering('hi'))
  const asked = load(1, () => platform.askGently('hello'))
  const answers: Answer[] = []
  while (whereabouts().join() !== 'b0') {
    platform.deploy('long', `${long}, version ${answers.length}`)
    platform.scheduler.changed('long', 'redeployed')
    answers.push(await platform.askGently('long'))
  }
  for (let n = 0; n < 20; n++) answers.push(await platform.askGently('long'))
  answers.push(...(await asked.stop()))

  t.assert.match(alone.join(), /^r\d$/)
  t.assert.deepEqual(whereabouts(), ['b0'])
  t.assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
})
