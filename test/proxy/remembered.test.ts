import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remembered } from '../../src/proxy/remembered.ts'

function counted() {
  const made: string[] = []
  const lower = remembered(text => {
    made.push(text)
    return text.toLowerCase()
  })
  return { made, lower }
}

test('a text that comes again is made once', () => {
  const { made, lower } = counted()
  assert.deepEqual([lower('Accept'), lower('Accept'), lower('')], ['accept', 'accept', ''])
  assert.deepEqual(made, ['Accept', ''])
})

test('neither long texts nor very many of them are kept', () => {
  const { made, lower } = counted()
  const long = 'X'.repeat(65)
  lower(long)
  lower(long)
  assert.equal(made.length, 2)

  lower('First')
  for (let i = 0; i < 1000; i++) lower(`Name-${i}`)
  lower('First')
  assert.equal(made.filter(text => text === 'First').length, 2)
})
