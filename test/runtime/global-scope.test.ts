/** The global object of apps: an event target with members of its own, and its timers. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startRuntime, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

/** What the handler's code returns, by JSON. */
async function run(handler: string): Promise<unknown> {
  const started = await runtime.start(
    `export default { async fetch(request) { return Response.json(await (async () => { ${handler} })()) } }`,
  )
  assert.equal(started.outcome, 'ok', JSON.stringify(started))
  const { body } = await runtime.fetch(started.instance, 'http://app.test/')
  return JSON.parse(body.toString())
}

test('the global object dispatches events to listeners and knows its interfaces', async () => {
  const result = await run(`
    let heard = 0
    const listener = () => heard++
    addEventListener('app', listener)
    globalThis.addEventListener('app', { handleEvent: listener })
    dispatchEvent(new Event('app'))
    removeEventListener('app', listener)
    self.dispatchEvent(new Event('app'))
    return [heard, self instanceof ServiceWorkerGlobalScope, self instanceof WorkerGlobalScope,
      self instanceof EventTarget, Object.prototype.toString.call(self)]`)

  assert.deepEqual(result, [3, true, true, true, '[object ServiceWorkerGlobalScope]'])
})

test('an exception that nobody catches is an error event, unless it is thrown by a listener of those', async () => {
  const result = await run(`
    const seen = []
    addEventListener('error', event => {
      event.preventDefault()
      seen.push([event.message, event.error.name, event.isTrusted])
      throw new Error('by the listener')
    })
    queueMicrotask(() => { throw new RangeError('in a microtask') })
    reportError(new SyntaxError('reported'))
    await new Promise(resolve => {
      setTimeout(() => { throw new TypeError('in a timer') })
      setTimeout(resolve, 1)
    })
    return seen`)

  assert.deepEqual(result, [
    ['SyntaxError: reported', 'SyntaxError', true],
    ['RangeError: in a microtask', 'RangeError', true],
    ['TypeError: in a timer', 'TypeError', true],
  ])
})

test('operations and attributes of the global object refuse other objects, and attributes can be replaced', async () => {
  const result = await run(`
    const refused = [
      () => btoa.call({}, 'a'), () => setTimeout.call(null, () => {}), () => Object.create(self).performance,
      () => (0, atob)('YQ=='), () => { Object.create(self).navigator = 1 },
    ].map(attempt => { try { attempt(); return false } catch (error) { return error instanceof TypeError } })
    navigator = 'mine'
    const { get, set, enumerable } = Object.getOwnPropertyDescriptor(self, 'crypto')
    return [refused, navigator, get.name, set.name, enumerable, btoa.name, btoa.length]`)

  assert.deepEqual(result, [
    [true, false, true, false, true],
    'mine',
    'get crypto',
    'set crypto',
    true,
    'btoa',
    1,
  ])
})

test('an interval keeps its pace beside a timer that is due later', async () => {
  const result = await run(`
    const { promise, resolve } = Promise.withResolvers()
    let ticks = 0
    setTimeout(resolve, 10_000, 'the timer was first')
    setInterval(() => { if (++ticks === 5) resolve('five ticks') }, 1)
    return promise`)

  assert.equal(result, 'five ticks')
})
