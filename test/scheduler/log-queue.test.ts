import { test } from 'node:test'
import type { AppLogEvent } from '../../src/channels.ts'
import { LogQueue } from '../../src/scheduler/log-queue.ts'

/** A queue whose listener takes a quarter of a millisecond for each line, on a clock of its own. */
function slow() {
  let ms = 0
  const told: string[] = []
  const queue = new LogQueue({
    now: () => ms,
    publish: ({ message }) => {
      ms += 0.25
      told.push(message)
    },
  })
  return { queue, told }
}

const line = (message: string): AppLogEvent => ({
  app: 'app',
  version: 'v1',
  requestId: '',
  traceId: '',
  level: 'info',
  kind: 'console',
  message,
  time: 0,
})

const turn = () => new Promise(setImmediate)

test('a flood of lines is told a millisecond in each turn of the event loop, in order', async t => {
  const { queue, told } = slow()
  const lines = Array.from({ length: 10 }, (_, index) => String(index))

  for (const message of lines) queue.add(line(message))
  const counts = [told.length]
  for (let i = 0; i < 2; i++) {
    await turn()
    counts.push(told.length)
  }

  t.assert.deepEqual(counts, [4, 8, 10])
  t.assert.deepEqual(told, lines)
})

test('a line in a quiet turn is told at once, and so is one after a flood', async t => {
  const { queue, told } = slow()
  for (let i = 0; i < 6; i++) queue.add(line('flood'))
  await turn()
  await turn()

  queue.add(line('later'))

  t.assert.deepEqual([told.length, told.at(-1)], [7, 'later'])
})

test('more text than may wait is told at once, the oldest first', t => {
  const { queue, told } = slow()

  for (let i = 0; i < 4; i++) queue.add(line('small'))
  for (let i = 0; i < 10; i++) queue.add(line(`${i}${'x'.repeat(2 ** 20)}`))

  t.assert.deepEqual(
    told.slice(4).map(text => text[0]),
    ['0', '1', '2'],
  )
})

test('a flood without end is told in order, however long it is', async t => {
  const { queue, told } = slow()
  const lines = Array.from({ length: 5000 }, (_, index) => String(index))

  for (const [index, message] of lines.entries()) {
    queue.add(line(message))
    if (index % 4 === 3) await turn()
  }
  queue.flush()

  t.assert.deepEqual(told, lines)
})

test('what waits is told when nobody waits for anything any more', t => {
  const { queue, told } = slow()
  for (let i = 0; i < 100; i++) queue.add(line('flood'))

  queue.flush()

  t.assert.equal(told.length, 100)
})
