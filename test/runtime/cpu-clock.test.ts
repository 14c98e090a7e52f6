import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CpuClock, Grace } from '../../src/runtime/cpu-clock.ts'

test('an isolate that has a core uses its grace up as time passes', () => {
  const grace = new Grace(250, 1000)

  assert.equal(grace.spend(1200, 1), false)
  assert.equal(grace.spend(1260, 1), true)
})

test('an isolate that waits for a core keeps its grace', () => {
  const grace = new Grace(250, 1000)

  assert.equal(grace.spend(1800, 0.25), false)
  assert.equal(grace.spend(2100, 0.25), true)
})

test('an isolate that never gets a core, or stands still, uses its grace up at last', () => {
  const grace = new Grace(250, 0)

  assert.equal(grace.spend(2400, 0), false)
  assert.equal(grace.spend(2600, 0), true)
})

test('it is doubtful whether grace is enough long before it is over', () => {
  const grace = new Grace(400, 0)

  grace.spend(40, 1)
  assert.equal(grace.isDoubtful, false)
  assert.equal(grace.spend(60, 1), false)
  assert.equal(grace.isDoubtful, true)
})

test('compiling is charged in full, but for the time in which the process had no core', () => {
  const time = { isolate: 0, process: 0 }
  const clock = new CpuClock({ cpuNs: () => BigInt(time.isolate) }, { processNs: () => time.process })
  const charged = (isolate: number, used: number) => {
    time.isolate += isolate
    time.process += used
    clock.charge(0)
    return clock.ns
  }
  clock.isCompiling = true

  assert.equal(charged(30e6, 31e6), 30e6)
  assert.equal(charged(2000e6, 5e6), 36e6)
  clock.isCompiling = false
  assert.equal(charged(10e6, 10e6), 36e6)
})
