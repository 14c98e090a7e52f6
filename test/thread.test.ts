import { type TestContext, test } from 'node:test'
import { NoAnswer, Thread } from '../src/thread.ts'

/** Answers a number with its double; `die` ends it, `last` after an answer, `spin` never lets it answer again. */
const SCRIPT = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, workerData } from 'node:worker_threads'
    parentPort.on('message', message => {
      if (message === 'close') return parentPort.close()
      const { id, request } = message
      if (request === 'die') process.exit(1)
      if (request === 'last') {
        parentPort.postMessage({ id, reply: 0 })
        process.exit(1)
      }
      if (request === 'fault') throw new Error('our bug')
      if (request === 'spin') for (;;);
      parentPort.postMessage({ id, reply: request * workerData })
    })
  `)}`,
)

function double(pendingMax = 100) {
  return new Thread<number | string, number>({ script: SCRIPT, name: 'double', data: 2, pendingMax })
}

const because = (reason: NoAnswer['reason']) => (error: unknown) =>
  error instanceof NoAnswer && error.reason === reason

test('calls are answered, each with its own answer', async (t: TestContext) => {
  await using thread = double()

  t.assert.deepEqual(await Promise.all([1, 2, 3].map(number => thread.call(number))), [2, 4, 6])
})

for (const end of ['die', 'fault']) {
  test(`a thread that ends (${end}) leaves its calls without answer, and the next call has a new one`, async (t: TestContext) => {
    await using thread = double()
    t.assert.equal(await thread.call(1), 2)

    const lost = [thread.call(end), thread.call(2)]

    for (const call of lost) await t.assert.rejects(call, because('lost'))
    t.assert.equal(await thread.call(3), 6)
  })
}

test('a call that is for a thread that runs starts none in its place', async (t: TestContext) => {
  await using thread = double()

  await t.assert.rejects(thread.callIfRunning(1), because('lost'))
  for (let times = 0; times < 20; times++) {
    t.assert.equal(await thread.call('last'), 0)
    await t.assert.rejects(thread.callIfRunning(1), because('lost'))
  }
})

test('a thread that never answers can be killed', async (t: TestContext) => {
  await using thread = double()
  await thread.call(1)
  const lost = t.assert.rejects(thread.call('spin'), because('lost'))

  await thread.kill()

  await lost
  t.assert.equal(await thread.call(2), 4)
})

test('more calls than may wait are refused', async (t: TestContext) => {
  await using thread = double(1)
  const first = thread.call(1)

  await t.assert.rejects(thread.call(2), because('full'))
  t.assert.equal(await first, 2)
})

test('a closed thread answers what it was asked and takes nothing more', async (t: TestContext) => {
  const thread = double()
  const last = thread.call(1)

  await thread[Symbol.asyncDispose]()

  t.assert.equal(await last, 2)
  await t.assert.rejects(thread.call(2), because('closed'))
})

test('one that was never asked closes at once', async () => {
  await double()[Symbol.asyncDispose]()
})
