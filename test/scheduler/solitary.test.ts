import { test } from 'node:test'
import type { Runtime } from '../../src/scheduler/runtime.ts'
import { type SolitaryOptions, SolitaryRuntimes } from '../../src/scheduler/solitary.ts'
import { until } from './setup.ts'

const OPTIONS: SolitaryOptions = {
  max: 1,
  prefix: 'b',
  emptyMsMax: 60_000,
  everyMs: 0,
  create: id => runtime(id, () => {}) as unknown as Runtime,
  isWasteful: () => false,
  live: () => new Promise(() => {}),
  onStartFailed: () => {},
  onRoom: () => {},
}

/** Runtimes that are up at once and hold nothing, on a clock that the test sets. */
function scripted() {
  const clock = { ms: 0 }
  const ended: string[] = []
  const wasteful = new Set<string>()
  const runtimes = new SolitaryRuntimes({
    ...OPTIONS,
    create: id => runtime(id, () => ended.push(id)) as unknown as Runtime,
    isWasteful: ({ id }) => wasteful.has(id),
    now: () => clock.ms,
  })
  const beatAt = (ms: number) => {
    clock.ms = ms
    runtimes.beat()
    return ended.length
  }
  return { runtimes, wasteful, beatAt }
}

function runtime(id: string, shutDown: () => void) {
  return { id, up: true, instances: new Map<number, object>(), shutDown }
}

test('a runtime that is empty is kept for a while, in case its app comes back', t => {
  const { runtimes, beatAt } = scripted()
  runtimes.place('busy')

  t.assert.deepEqual([beatAt(59_000), beatAt(61_000)], [0, 1])
})

test('one that is empty and holds much memory all the same ends after a moment', t => {
  const { runtimes, wasteful, beatAt } = scripted()
  runtimes.place('busy')
  wasteful.add('b0')

  t.assert.deepEqual([beatAt(4000), beatAt(6000)], [0, 1])
})

test('one that holds much and has an app stays', t => {
  const { runtimes, wasteful, beatAt } = scripted()
  runtimes.place('busy')
  const { instances } = runtimes.runtimes[0]!
  ;(instances as Map<number, object>).set(1, {})
  wasteful.add('b0')

  t.assert.equal(beatAt(600_000), 0)
})

test('one that is brought down at once lives again no sooner than it may', async t => {
  const everyMs = 50
  const lives: number[] = []
  const runtimes: SolitaryRuntimes = new SolitaryRuntimes({
    ...OPTIONS,
    everyMs,
    live: async () => void lives.push(performance.now()),
    onRoom: () => void runtimes.place('app'),
  })
  runtimes.place('app')

  await until(() => lives.length === 4)
  await runtimes[Symbol.asyncDispose]()

  // A timer may be a millisecond early.
  t.assert.equal(lives[3]! - lives[0]! >= 3 * (everyMs - 1), true)
})
