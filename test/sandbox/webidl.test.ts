import { test } from 'node:test'
import { openWebSandbox } from '../support/web-sandbox.ts'

test('members of interfaces are enumerable, tagged and check whose they are', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const names = object => { const list = []; for (const name in object) list.push(name); return list }
    const caught = run => { try { return run() } catch (error) { return error.name } }
    ;[names(new AbortController()), String(new URLSearchParams().entries()), Object.prototype.toString.call(new URL('a:b')),
      URL.length, URLSearchParams.prototype.append.length, URL.name, caught(() => URL('a:b')),
      caught(() => URL.prototype.href), caught(() => new AbortSignal()), caught(() => new Crypto()),
      URLSearchParams.prototype[Symbol.iterator] === URLSearchParams.prototype.entries, Event.prototype.AT_TARGET]
  `)

  t.assert.deepEqual(seen, [
    ['signal', 'abort'],
    '[object URLSearchParams Iterator]',
    '[object URL]',
    1,
    2,
    'URL',
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    true,
    2,
  ])
})

test('DOMException is an error with a name, a legacy code and a stack', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    function thrower() { return new DOMException('why', 'NotFoundError') }
    const error = thrower()
    ;[error instanceof Error, Error.isError(error), error.code, String(error), error.stack.startsWith('NotFoundError: why\\n'),
      error.stack.includes('thrower'), Object.hasOwn(error, 'message'), DOMException.ABORT_ERR,
      Object.getPrototypeOf(DOMException) === Function.prototype, new QuotaExceededError('q').code]
  `)

  t.assert.deepEqual(seen, [true, true, 8, 'NotFoundError: why', true, true, false, 20, true, 22])
})

test('queueMicrotask runs before the next task, and what it throws is told to the host', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`(async () => {
    const order = []
    queueMicrotask(() => order.push('microtask'))
    queueMicrotask(() => { throw new Error('lost') })
    order.push('now')
    await null
    reportError('reported')
    return [order, exceptions]
  })()`)

  t.assert.deepEqual(seen, [
    ['now', 'microtask'],
    ['Error: lost', 'reported'],
  ])
})

test('an app that patches built-ins breaks nothing of the platform', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const broken = () => { throw new Error('patched') }
    const results = []
    const patches = []
    const prototypes = [Array, String, Map, Set, RegExp, Promise, Number, Function].map(Class => Class.prototype)
    for (const prototype of [...prototypes, Object.getPrototypeOf(Uint8Array.prototype)]) {
      for (const [key, { configurable, value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
        if (key !== 'constructor' && configurable && typeof value === 'function') patches.push([prototype, key])
      }
    }
    const { defineProperty } = Object
    for (let i = 0; i < patches.length; i++) defineProperty(patches[i][0], patches[i][1], { value: broken })
    Object.prototype.get = Object.prototype.value = Object.prototype.set = broken
    JSON.stringify = JSON.parse = Reflect.apply = Object.defineProperty = broken
    const url = new URL('http://[::1]/a/../b?x=é&x=2#y')
    url.searchParams.append('z', '1')
    results[0] = url.href
    results[1] = AbortSignal.any([AbortSignal.abort(1)]).reason
    results[2] = new TextDecoder().decode(new TextEncoder().encode('é€'))
    results[3] = structuredClone({ a: new Map([]), b: /x/ }).a.constructor === Map
    console.log('%s', { a: [1, { b: 2 }] }, new Set(), new Error('e').name)
    results[4] = lines[0]
    results[5] = btoa(atob('YWJj'))
    results[6] = 0
    const target = new EventTarget()
    target.addEventListener('e', () => { results[6] = 1 })
    target.dispatchEvent(new Event('e'))
    results
  `)

  t.assert.deepEqual(seen, [
    'http://[::1]/b?x=%C3%A9&x=2&z=1#y',
    1,
    'é€',
    true,
    'info: { a: [Array] } Set(0) {} Error',
    'YWJj',
    1,
  ])
})
