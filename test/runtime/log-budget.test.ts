import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LogBudget } from '../../src/runtime/log-budget.ts'
import type { ServedRequest } from '../../src/runtime/served-request.ts'
import { LIMITS } from '../support/runtime.ts'

test('an instance logs what twenty requests may, then its lines are dropped', () => {
  const budget = new LogBudget(LIMITS)

  const fates = Array.from({ length: 20 * LIMITS.logLinesPerRequest + 1 }, () => budget.spend(null, 1))

  assert.equal(fates.indexOf('dropped'), 20 * LIMITS.logLinesPerRequest)
})

test('a request that logs far more than the sandbox lets it has forged its lines', () => {
  const budget = new LogBudget(LIMITS)
  const request = { logBytes: 0 } as ServedRequest

  assert.equal(budget.spend(request, LIMITS.logBytesPerRequest), 'kept')
  assert.equal(budget.spend(request, 2 ** 20), 'forged')
})
