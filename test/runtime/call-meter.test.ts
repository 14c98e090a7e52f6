import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallMeter } from '../../src/runtime/call-meter.ts'
import { CONTROL_BYTES } from '../../src/sandbox/wire.ts'

const ALLOWANCE = { usedNs: 0, limitMs: 50, entersRequests: true }

/** A meter whose call has begun, of an isolate that uses no CPU time. */
function still(): { meter: CallMeter; began: number } {
  const meter = new CallMeter({ cpuNs: () => 0n, control: new SharedArrayBuffer(CONTROL_BYTES) })
  meter.begin()
  return { meter, began: performance.now() }
}

test('an isolate that uses no CPU time for a second stands still', () => {
  const { meter, began } = still()
  const faults = Array.from({ length: 240 }, (_, look) => meter.look(began + 5 * (look + 1), 1, ALLOWANCE))

  assert.equal(faults[150], null)
  assert.equal(faults.at(-1), 'stall')
})

test('an isolate whose whole process had no core for seconds does not stand still', () => {
  const { meter, began } = still()

  assert.equal(meter.look(began + 3000, 0, ALLOWANCE), null)
  assert.equal(meter.look(began + 6000, 0, ALLOWANCE), null)
})
