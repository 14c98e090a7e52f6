import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_STATUS } from '../../src/errors.ts'
import { OUTCOMES } from '../../src/outcome.ts'
import { answerTo } from '../../src/proxy/status.ts'
import { readDocument, tableRows } from './markdown.ts'

const rows = tableRows(readDocument('docs/errors.md'))
const named = ([name]: string[]) => name!.replaceAll('`', '')

test('docs/errors.md lists every code with its status, a meaning and a remedy', () => {
  const codes = rows.filter(row => /^`[A-Z_]+`$/.test(row[0]!))

  assert.deepEqual(Object.fromEntries(codes.map(row => [named(row), Number(row[1])])), ERROR_STATUS)
  for (const row of codes) assert.ok(row[2] && row[3], `${named(row)} lacks a meaning or a remedy`)
})

test('docs/errors.md lists every outcome with its status', () => {
  const outcomes = rows.filter(row => OUTCOMES.some(outcome => outcome === named(row)))

  assert.deepEqual(outcomes.map(named), [...OUTCOMES])
  for (const row of outcomes.slice(1)) {
    const { status } = answerTo(named(row) as (typeof OUTCOMES)[number], undefined)
    assert.equal(Number(row[1]), status, `the status of ${named(row)}`)
  }
})
