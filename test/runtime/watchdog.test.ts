import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Look, Watchdog } from '../../src/runtime/watchdog.ts'

/** A watchdog on clocks that stand still between calls of `at`. */
function scripted(t: TestContext) {
  let clock = { now: 0, cpuMs: 0 }
  const watchdog = new Watchdog({ now: () => clock.now, cpuMs: () => clock.cpuMs })
  t.after(() => watchdog[Symbol.dispose]())
  const instance = () => {
    const shares: number[] = []
    const leastShares: number[] = []
    const poll = ({ share, leastShare }: Look) => {
      shares.push(share)
      leastShares.push(leastShare)
    }
    return { shares, leastShares, poll }
  }
  return { watchdog, instance, at: (now: number, cpuMs: number) => (clock = { now, cpuMs }) }
}

test('an isolate that has a core to itself is charged all of its time', t => {
  const { watchdog, instance, at } = scripted(t)
  const alone = instance()

  watchdog.watch(alone)
  at(5, 6)
  watchdog.poll()
  at(9, 12)
  const last = watchdog.unwatch(alone)

  assert.deepEqual(alone.shares, [1])
  assert.equal(last, 1)
})

test('isolates that wait for a core are not charged for it', t => {
  const { watchdog, instance, at } = scripted(t)
  const [one, other] = [instance(), instance()]

  watchdog.watch(one)
  watchdog.watch(other)
  at(10, 5)
  watchdog.poll()
  at(14, 7)
  const last = watchdog.unwatch(one)
  at(20, 12)
  watchdog.poll()

  assert.deepEqual([one.shares, other.shares], [[0.25], [0.25, 0.5]])
  assert.equal(last, 0.25)
})

test('a moment is charged in full, whoever used the CPU', t => {
  const { watchdog, instance, at } = scripted(t)
  const brief = instance()

  watchdog.watch(brief)
  at(0.5, 0)

  assert.equal(watchdog.unwatch(brief), 1)
})

test('no time is taken back when the count of CPU time falls', t => {
  const { watchdog, instance, at } = scripted(t)
  const steady = instance()

  watchdog.watch(steady)
  at(5, 4)
  watchdog.poll()
  at(10, 2)
  watchdog.poll()
  at(14, 5)
  const last = watchdog.unwatch(steady)

  assert.deepEqual(steady.shares, [0.8, 0])
  assert.equal(last, 0.25)
})

test('what brief calls were charged is not taken for the time of one that stands still', t => {
  const { watchdog, instance, at } = scripted(t)
  const [still, brief] = [instance(), instance()]

  watchdog.watch(still)
  at(4, 0)
  watchdog.watch(brief)
  at(4.75, 0.75)
  watchdog.unwatch(brief)
  at(5, 0.75)
  watchdog.poll()
  at(10, 5.75)
  watchdog.poll()

  assert.deepEqual(still.leastShares, [0, 1])
  assert.deepEqual(still.shares, [0.75 / 5.75, 1])
})

test('of brief calls that were under way at the same time, and so waited for cores, nothing is deduced', t => {
  const { watchdog, instance, at } = scripted(t)
  const [one, brief, other] = [instance(), instance(), instance()]

  watchdog.watch(one)
  for (let ms = 0; ms < 5; ms++) {
    at(ms, 0)
    for (const each of [brief, other]) watchdog.watch(each)
    at(ms + 0.75, 0)
    for (const each of [brief, other]) watchdog.unwatch(each)
  }
  at(5, 5)
  watchdog.poll()

  assert.deepEqual(one.leastShares, one.shares)
})
