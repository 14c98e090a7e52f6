import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallMeter } from '../../src/runtime/call-meter.ts'
import type { Look } from '../../src/runtime/watchdog.ts'
import { CONTROL_BYTES } from '../../src/sandbox/wire.ts'

const ALLOWANCE = { usedNs: 0, limitMs: 50, entersRequests: true }

/** A meter whose call has begun, of an isolate that uses no CPU time. */
function still(): { meter: CallMeter; began: number } {
  const meter = new CallMeter({ cpuNs: () => 0n, control: new SharedArrayBuffer(CONTROL_BYTES) })
  meter.begin()
  return { meter, began: performance.now() }
}

/** A look in whose time nobody had a core, but for what the isolate had for certain. */
function at(now: number, leastShare: number): Look {
  return { now, share: 0, leastShare }
}

test('an isolate that uses no CPU time for half a second stands still', () => {
  const { meter, began } = still()
  const faults = Array.from({ length: 100 }, (_, look) =>
    meter.look(at(began + 5 * (look + 1), 0), ALLOWANCE),
  )

  assert.equal(faults[80], null)
  assert.equal(faults.at(-1), 'stall')
})

test('one that gets a hundredth of a core does not stand still', () => {
  const { meter, began } = still()

  for (let ms = 5; ms <= 5000; ms += 5) assert.equal(meter.look(at(began + ms, 0.01), ALLOWANCE), null)
})

test('an isolate whose whole process had no core for seconds does not stand still', () => {
  const { meter, began } = still()

  assert.equal(meter.look(at(began + 3000, 0), ALLOWANCE), null)
  assert.equal(meter.look(at(began + 6000, 0), ALLOWANCE), null)
})
