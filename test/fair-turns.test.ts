import { test } from 'node:test'
import { FairTurns } from '../src/fair-turns.ts'

/** Turns on a clock that steps move: each takes as long as it says. */
function scripted() {
  let clock = 0
  const turns = new FairTurns({ turnMs: 2, pause: { afterMs: 5, factor: 20 }, now: () => clock })
  const done: string[] = []
  const take = (app: string, name: string, ms = 1, ran = (tookMs: number) => tookMs) =>
    turns.take(app, {
      ran,
      run() {
        clock += ms
        done.push(name)
      },
    })
  const pass = (ms: number) => {
    clock += ms
  }
  return { done, take, pass }
}

async function turn(count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate)
}

test('an app that wants much has so much of each turn, and others have theirs between', async t => {
  const { done, take } = scripted()

  for (const step of ['a1', 'a2', 'a3', 'a4', 'a5']) take('a', step)
  take('b', 'b1')
  t.assert.deepEqual(done, ['a1', 'a2', 'b1'])
  await turn()
  t.assert.deepEqual(done, ['a1', 'a2', 'b1', 'a3', 'a4'])
  await turn(3)

  t.assert.deepEqual(done, ['a1', 'a2', 'b1', 'a3', 'a4', 'a5'])
})

test('a step can say that it does not count for a pause', async t => {
  const { done, take } = scripted()

  take('a', 'long', 400, () => 0)
  take('a', 'a2')
  await turn(1)

  t.assert.deepEqual(done, ['long', 'a2'])
})

test('an app whose step was long waits for twenty times as long, and others do not', async t => {
  const { done, take, pass } = scripted()
  t.mock.timers.enable({ apis: ['setTimeout'] })

  take('a', 'long', 400)
  take('a', 'a2')
  await turn(5)
  take('b', 'b1')
  await turn(5)
  t.assert.deepEqual(done, ['long', 'b1'])
  pass(7000)
  t.mock.timers.tick(7000)
  await turn(5)
  t.assert.deepEqual(done, ['long', 'b1'])
  pass(1000)
  t.mock.timers.tick(1000)
  await turn(5)

  t.assert.deepEqual(done, ['long', 'b1', 'a2'])
})
