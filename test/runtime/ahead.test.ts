/** Requests for an app that is still being started. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startRuntime, TestExchange, type TestRuntime } from '../support/runtime.ts'

const APP = `let count = 0
export default { fetch(request) { return new Response(new URL(request.url).pathname + ' ' + ++count) } }`

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

test('requests sent ahead are served in order once the app has started', async () => {
  const starting = runtime.start(APP)
  const answers = ['/a', '/b', '/c'].map(path => runtime.fetch(runtime.lastInstance, `http://a.test${path}`))

  const { outcome } = await starting

  assert.equal(outcome, 'ok')
  const bodies = (await Promise.all(answers)).map(({ body }) => body.toString())
  assert.deepEqual(bodies, ['/a 1', '/b 2', '/c 3'])
})

test('one that is given up before the app has started never reaches it', async () => {
  const starting = runtime.start(APP)
  const instance = runtime.lastInstance
  const given = new TestExchange('http://a.test/given-up')
  runtime.client.send(instance, given)
  runtime.client.abort(given)

  await starting
  const { body } = await runtime.fetch(instance, 'http://a.test/next')

  assert.equal(body.toString(), '/next 1')
  assert.equal(runtime.client.inFlight, 0)
})

test('those for an app that does not start can be taken back', async () => {
  const starting = runtime.start('throw new Error("not today")')
  const instance = runtime.lastInstance
  const ahead = new TestExchange('http://a.test/')
  runtime.client.send(instance, ahead)

  const { outcome } = await starting

  assert.equal(outcome, 'startupError')
  assert.deepEqual(runtime.client.withdraw(instance), [ahead])
  assert.equal(runtime.client.inFlight, 0)
})
