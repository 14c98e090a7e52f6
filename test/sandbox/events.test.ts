import { test } from 'node:test'
import { openWebSandbox } from '../support/web-sandbox.ts'

test('listeners run in order, capturing ones first, until one stops the event', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const calls = []
    const target = new EventTarget()
    target.addEventListener('x', () => calls.push('first'))
    target.addEventListener('x', { handleEvent(event) { calls.push('object', event.target === target) } })
    target.addEventListener('x', event => { calls.push('stops'); event.stopImmediatePropagation() })
    target.addEventListener('x', () => calls.push('never'))
    target.addEventListener('x', () => calls.push('capturing'), true)
    target.dispatchEvent(new Event('x'))
    calls
  `)

  t.assert.deepEqual(seen, ['capturing', 'first', 'object', true, 'stops'])
})

test('a listener that throws is told to the host, and the others run', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const target = new EventTarget()
    let after = false
    target.addEventListener('x', () => { throw new RangeError('broken') })
    target.addEventListener('x', () => { after = true })
    const result = target.dispatchEvent(new Event('x', { cancelable: true }))
    ;[result, after, exceptions]
  `)

  t.assert.deepEqual(seen, [true, true, ['RangeError: broken']])
})

test('once, passive and signal are heeded', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const calls = []
    const target = new EventTarget()
    const controller = new AbortController()
    target.addEventListener('x', () => calls.push('once'), { once: true })
    target.addEventListener('x', event => { event.preventDefault(); calls.push('passive') }, { passive: true })
    target.addEventListener('x', () => calls.push('signal'), { signal: controller.signal })
    const first = target.dispatchEvent(new Event('x', { cancelable: true }))
    controller.abort()
    target.dispatchEvent(new Event('x'))
    ;[first, calls]
  `)

  t.assert.deepEqual(seen, [true, ['once', 'passive', 'signal', 'passive']])
})

test('an event cannot be dispatched while it is being dispatched', async t => {
  await using sandbox = await openWebSandbox()

  const name = await sandbox.run(`
    let name
    const target = new EventTarget()
    target.addEventListener('x', event => {
      try { target.dispatchEvent(event) } catch (error) { name = error.name }
    })
    target.dispatchEvent(new Event('x'))
    name
  `)

  t.assert.equal(name, 'InvalidStateError')
})

test('aborting runs hooks, listeners and onabort once, with a reason', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const { signal } = globalThis.controller = new AbortController()
    const calls = []
    signal.onabort = function (event) { calls.push('onabort', this === signal, event.isTrusted) }
    signal.addEventListener('abort', () => calls.push('listener'))
    controller.abort()
    controller.abort('again')
    try { signal.throwIfAborted() } catch (error) { calls.push(error === signal.reason) }
    ;[signal.aborted, signal.reason.name, signal.reason.code, calls, AbortSignal.abort(7).reason]
  `)

  t.assert.deepEqual(seen, [true, 'AbortError', 20, ['onabort', true, true, 'listener', true], 7])
})

test('AbortSignal.timeout aborts when its time has come', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const signal = AbortSignal.timeout(50)
    advance(49)
    const before = signal.aborted
    advance(1)
    ;[before, signal.aborted, signal.reason.name]
  `)

  t.assert.deepEqual(seen, [false, true, 'TimeoutError'])
})

test('AbortSignal.any follows its sources, through other dependents too', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const controller = new AbortController()
    const inner = AbortSignal.any([new AbortController().signal, controller.signal])
    const outer = AbortSignal.any([inner, AbortSignal.timeout(1000)])
    const order = []
    for (const [name, signal] of Object.entries({ outer, inner, source: controller.signal })) {
      signal.onabort = () => order.push(name, inner.aborted && outer.aborted)
    }
    controller.abort('why')
    ;[order, outer.reason, inner.reason, AbortSignal.any([AbortSignal.abort('a'), outer]).reason]
  `)

  t.assert.deepEqual(seen, [['source', true, 'inner', true, 'outer', true], 'why', 'why', 'a'])
})
