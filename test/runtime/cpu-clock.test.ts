import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Grace } from '../../src/runtime/cpu-clock.ts'

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
