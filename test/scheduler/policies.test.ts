import { test } from 'node:test'
import { refuse } from '../../src/scheduler/admission.ts'
import { backoffMs } from '../../src/scheduler/backoff.ts'
import { type Death, judge } from '../../src/scheduler/blame.ts'
import { DenseSet } from '../../src/scheduler/dense-set.ts'
import { certainGrowth, shed } from '../../src/scheduler/memory.ts'
import { place as choose, type RuntimeLoad } from '../../src/scheduler/placement.ts'
import { PlatformMemory } from '../../src/scheduler/platform-memory.ts'
import { mayRetry } from '../../src/scheduler/retry.ts'
import { BACKLOG_BEATS, isBacklogged, shouldScaleUp } from '../../src/scheduler/scaling.ts'

test('an app at its bound is shed, whatever room the platform has', t => {
  const load = { app: 1000, appMax: 1000, platform: 1000, platformMax: 20_000, apps: 1 }

  t.assert.equal(refuse(load), 'app_queue_full')
  t.assert.equal(refuse({ ...load, app: 999 }), null)
})

test('a full platform sheds the apps beyond their share and no others', t => {
  const full = { appMax: 1000, platform: 100, platformMax: 100, apps: 4 }

  t.assert.equal(refuse({ ...full, app: 25 }), 'platform_queue_full')
  t.assert.equal(refuse({ ...full, app: 24 }), null)
  t.assert.equal(refuse({ ...full, app: 0, platform: 200 }), 'platform_queue_full')
})

test('a back-off doubles up to its bound', t => {
  const bounds = { firstMs: 100, maxMs: 1000 }

  const delays = [0, 1, 2, 3, 4, 5, 1000].map(failures => backoffMs(failures, bounds))

  t.assert.deepEqual(delays, [0, 100, 200, 400, 800, 1000, 1000])
})

const FAILED = {
  method: 'GET',
  hasBody: false,
  bodyIntact: true,
  responded: false,
  entered: true,
  suspect: false,
  replays: 0,
}

test('a request that has not reached guest code goes elsewhere, whatever its method', t => {
  const untouched = { ...FAILED, entered: false, method: 'POST', hasBody: true, suspect: true, replays: 9 }

  t.assert.equal(mayRetry(untouched), true)
  t.assert.equal(mayRetry({ ...untouched, bodyIntact: false }), false)
})

test('a request that has is replayed only if that is safe', t => {
  t.assert.equal(mayRetry(FAILED), true)
  t.assert.equal(mayRetry({ ...FAILED, method: 'POST' }), false)
  t.assert.equal(mayRetry({ ...FAILED, hasBody: true }), false)
  t.assert.equal(mayRetry({ ...FAILED, responded: true }), false)
  t.assert.equal(mayRetry({ ...FAILED, suspect: true }), false)
  t.assert.equal(mayRetry({ ...FAILED, replays: 1 }), true)
  t.assert.equal(mayRetry({ ...FAILED, replays: 2 }), false)
})

const IDLE = {
  up: true,
  leaving: false,
  busy: 0,
  siblings: 0,
  strangers: 0,
  suspects: 0,
  instances: 0,
  memory: 0.1,
}

const place = (runtimes: RuntimeLoad[], isSuspect = false) => choose(runtimes, { isSuspect })

test('an instance goes where none of its app is, then where it is quiet, then where few are', t => {
  t.assert.equal(
    place([
      { ...IDLE, siblings: 1 },
      { ...IDLE, busy: 0.9 },
    ]),
    1,
  )
  t.assert.equal(
    place([
      { ...IDLE, busy: 0.9 },
      { ...IDLE, instances: 9 },
    ]),
    1,
  )
  t.assert.equal(
    place([
      { ...IDLE, instances: 2, busy: 0.1 },
      { ...IDLE, instances: 1, busy: 0.2 },
    ]),
    1,
  )
  t.assert.equal(place([IDLE, IDLE]), 0)
})

test('an instance goes to a runtime near its memory ceiling only if there is no other', t => {
  t.assert.equal(
    place([
      { ...IDLE, memory: 0.9 },
      { ...IDLE, siblings: 3, busy: 1 },
    ]),
    1,
  )
  t.assert.equal(place([{ ...IDLE, memory: 0.9 }]), 0)
})

test('an instance goes nowhere if no runtime is up', t => {
  t.assert.equal(place([{ ...IDLE, up: false }]), -1)
  t.assert.equal(place([]), -1)
})

test('an app is backlogged if every instance is busy and has events waiting', t => {
  const load = { instances: 1, instancesMax: 4 }

  t.assert.equal(isBacklogged({ ...load, ready: [{ busy: 1, queued: 3 }] }), true)
  t.assert.equal(isBacklogged({ ...load, ready: [{ busy: 1, queued: 0 }] }), false)
  t.assert.equal(
    isBacklogged({
      ...load,
      ready: [
        { busy: 1, queued: 3 },
        { busy: 0.2, queued: 1 },
      ],
    }),
    false,
  )
  t.assert.equal(isBacklogged({ ...load, ready: [] }), false)
})

test('a lasting backlog gets one more instance if there is a core for it', t => {
  const load = { ready: [{ busy: 1, queued: 3 }], instances: 1, instancesMax: 2 }

  t.assert.equal(shouldScaleUp(load, { beats: BACKLOG_BEATS, runtimeBusy: 0.1 }), true)
  t.assert.equal(shouldScaleUp(load, { beats: BACKLOG_BEATS - 1, runtimeBusy: 0.1 }), false)
  t.assert.equal(shouldScaleUp(load, { beats: BACKLOG_BEATS, runtimeBusy: 0.9 }), false)
  t.assert.equal(shouldScaleUp({ ...load, instances: 2 }, { beats: 99, runtimeBusy: 0 }), false)
})

const TENANT = { app: 'quiet', starting: false, inFlight: 0, busy: 0, memoryBytes: 1e6, isOvergrown: false }
const DEATH: Death = {
  reason: 'signal',
  exitCode: null,
  signal: 'SIGSEGV',
  rssBytes: 2e9,
  isSolitary: false,
  tenants: [],
}

const appsBlamed = (death: Death) => judge(death).apps

test('whoever ran when a runtime crashed is suspected, and nobody else', t => {
  const running = { ...TENANT, app: 'running', busy: 1, inFlight: 1 }
  const waiting = { ...TENANT, app: 'waiting', inFlight: 5 }

  t.assert.deepEqual(appsBlamed({ ...DEATH, tenants: [TENANT, running, waiting] }), new Set(['running']))
  t.assert.deepEqual(appsBlamed({ ...DEATH, tenants: [TENANT, waiting] }), new Set(['waiting']))
  const starting = { ...TENANT, app: 'starting', starting: true }
  t.assert.deepEqual(appsBlamed({ ...DEATH, tenants: [TENANT, waiting, starting] }), new Set(['starting']))
})

test('nobody is suspected when a runtime is killed from outside or leaves by itself', t => {
  const tenants = [{ ...TENANT, busy: 1, inFlight: 1 }]

  t.assert.equal(appsBlamed({ ...DEATH, signal: 'SIGKILL', tenants }).size, 0)
  t.assert.equal(appsBlamed({ ...DEATH, reason: 'exit', signal: null, exitCode: 0, tenants }).size, 0)
  t.assert.equal(appsBlamed({ ...DEATH, reason: 'heartbeat', signal: 'SIGKILL', tenants }).size, 1)
})

test('who holds most of a runtime’s memory is suspected when it outgrows its ceiling, or else whoever ran', t => {
  const small = { ...TENANT, app: 'small', busy: 1 }
  const waiting = { ...TENANT, app: 'waiting', inFlight: 1 }
  const large = { ...waiting, app: 'large', memoryBytes: 1.1e9 }
  const rss = { ...DEATH, reason: 'rss', signal: 'SIGKILL' } as const

  t.assert.deepEqual(appsBlamed({ ...rss, tenants: [small, large] }), new Set(['large']))
  t.assert.deepEqual(appsBlamed({ ...rss, tenants: [small, waiting, TENANT] }), new Set(['small']))
})

test('an app is proven guilty by memory or by having been alone, and not by having been the only one at work', t => {
  const busy = { ...TENANT, app: 'busy', busy: 1, inFlight: 9 }
  const overgrown = { ...TENANT, app: 'overgrown', isOvergrown: true }
  const rss = { ...DEATH, reason: 'rss', signal: 'SIGKILL' } as const

  t.assert.equal(judge({ ...DEATH, tenants: [busy, TENANT] }).isProven, false)
  t.assert.equal(judge({ ...DEATH, tenants: [TENANT], isSolitary: true }).isProven, true)
  t.assert.equal(judge({ ...DEATH, tenants: [], isSolitary: true }).isProven, false)
  t.assert.equal(judge({ ...rss, tenants: [busy, overgrown] }).isProven, true)
  t.assert.equal(judge({ ...rss, tenants: [{ ...busy, isOvergrown: true }, overgrown] }).isProven, false)
})

test('who has certainly grown beyond its limit is suspected, whatever it says itself', t => {
  const large = { ...TENANT, app: 'large', busy: 1, inFlight: 9 }
  const overgrown = { ...TENANT, app: 'overgrown', isOvergrown: true }
  const rss = { ...DEATH, reason: 'rss', signal: 'SIGKILL' } as const

  t.assert.deepEqual(appsBlamed({ ...rss, tenants: [large, overgrown] }), new Set(['overgrown']))
})

test('growth is the busiest instance’s, but for what all others can have caused', t => {
  const instances = [{ cpuMs: 2 }, { cpuMs: 100 }]
  const MB = 2 ** 20
  const growth = (grownBytes: number, elsewhereMs = 0) =>
    certainGrowth(instances, { grownBytes, elsewhereMs })

  t.assert.deepEqual(growth(100 * MB), { instance: instances[1], bytes: 92 * MB })
  t.assert.deepEqual(growth(100 * MB, 3), { instance: instances[1], bytes: 80 * MB })
  t.assert.equal(growth(100 * MB, 30), null)
  t.assert.equal(growth(-100 * MB), null)
  t.assert.equal(certainGrowth([], { grownBytes: MB, elsewhereMs: 0 }), null)
})

test('idle instances are ended, the largest first, until enough is free', t => {
  const busy = { inFlight: 1, cpuMs: 0, memoryBytes: 9 }
  const between = { inFlight: 0, cpuMs: 1, memoryBytes: 9 }
  const [one, two, three] = [1, 2, 3].map(memoryBytes => ({ inFlight: 0, cpuMs: 0, memoryBytes }))

  t.assert.deepEqual(shed([one!, busy, three!, two!], 4), [three, two])
  t.assert.deepEqual(shed([one!, busy], 1), [one])
  t.assert.deepEqual(shed([one!, busy, between], 1), [one])
  t.assert.deepEqual(shed([one!, busy, between], 4), [between])
  t.assert.deepEqual(shed([busy], 4), [])
})

test('the largest runtime is killed once the platform stays above its ceiling', t => {
  const megabyte = 2 ** 20
  const killed: string[] = []
  const unwanted: number[] = []
  const runtime = (id: string, rssBytes: number) => ({
    rssBytes,
    instances: new Map([
      [
        1,
        {
          inFlight: 0,
          cpuMs: 0,
          memoryBytes: rssBytes / 2,
          owner: { onUnwanted: () => unwanted.push(rssBytes) },
        },
      ],
    ]),
    kill: () => void killed.push(id),
  })
  const runtimes = [runtime('small', 9000 * megabyte), runtime('large', 10_000 * megabyte)]
  const memory = new PlatformMemory(16_000 * megabyte)

  memory.look(runtimes, 0)
  t.assert.deepEqual([unwanted.length, unwanted[0], killed], [2, 10_000 * megabyte, []])
  memory.look(runtimes, 0)
  t.assert.deepEqual(killed, ['large'])
  memory.look([runtime('alone', 1000 * megabyte)], 0)
  memory.look([runtime('alone', 1000 * megabyte)], 0)
  t.assert.deepEqual(killed, ['large'])
})

test('suspects are kept from each other, then from everyone else', t => {
  const beside = { ...IDLE, strangers: 9 }

  t.assert.equal(
    place([
      { ...IDLE, suspects: 1 },
      { ...beside, busy: 1 },
    ]),
    1,
  )
  t.assert.equal(place([{ ...IDLE, suspects: 1, strangers: 1 }, beside], true), 1)
  t.assert.equal(place([beside, { ...IDLE, busy: 1 }], true), 1)
  t.assert.equal(place([beside, { ...IDLE, busy: 1 }], false), 0)
})

test('an instance goes to a runtime that is to end only where there is no other', t => {
  const leaving = { ...IDLE, leaving: true }

  t.assert.equal(place([leaving, { ...IDLE, busy: 1, siblings: 1 }]), 1)
  t.assert.equal(place([leaving, { ...IDLE, up: false }]), 0)
})

test('members may leave a dense set while it is swept', t => {
  const set = new DenseSet<{ slot: number; name: number }>()
  const members = Array.from({ length: 10 }, (_, name) => ({ slot: -1, name }))
  for (const member of members) set.add(member)

  const seen: number[] = []
  set.sweep(member => {
    seen.push(member.name)
    if (member.name % 2 === 0) set.delete(member)
  })
  const left: number[] = []
  set.sweep(member => left.push(member.name))

  t.assert.equal(seen.length, 10)
  t.assert.deepEqual(left.sort(), [1, 3, 5, 7, 9])
  t.assert.equal(set.size, 5)
})
