import { test } from 'node:test'
import { FairTurns } from '../../src/tls/turns.ts'

/** Turns on a clock that steps move: each takes as long as it says. */
function scripted() {
  let clock = 0
  const turns = new FairTurns({ cpuMs: () => clock, now: () => clock })
  const done: string[] = []
  const take = (app: string, name: string, ms = 1) =>
    turns.take(app, () => {
      clock += ms
      done.push(name)
    })
  const pass = (ms: number) => {
    clock += ms
  }
  return { done, take, pass }
}

async function rounds(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate)
}

test('an app with many steps has one in each round, as everybody', async t => {
  const { done, take } = scripted()

  for (const step of ['a1', 'a2', 'a3']) take('a', step)
  take('b', 'b1')
  await rounds(1)
  t.assert.deepEqual(done, ['a1', 'b1'])
  await rounds(5)

  t.assert.deepEqual(done, ['a1', 'b1', 'a2', 'a3'])
})

test('an app whose step was long waits for twenty times as long, and others do not', async t => {
  const { done, take, pass } = scripted()
  t.mock.timers.enable({ apis: ['setTimeout'] })

  take('a', 'long', 400)
  take('a', 'a2')
  take('b', 'b1')
  await rounds(5)
  take('b', 'b2')
  await rounds(5)
  t.assert.deepEqual(done, ['long', 'b1', 'b2'])
  pass(7000)
  t.mock.timers.tick(7000)
  await rounds(5)
  t.assert.deepEqual(done, ['long', 'b1', 'b2'])
  pass(1000)
  t.mock.timers.tick(1000)
  await rounds(5)

  t.assert.deepEqual(done, ['long', 'b1', 'b2', 'a2'])
})
