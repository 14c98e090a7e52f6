import { test } from 'node:test'
import { openWebSandbox } from '../support/web-sandbox.ts'

test('built-in types are copied with all that they refer to', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const shared = { n: 1n }
    const source = {
      date: new Date(5), regexp: /a/giu, map: new Map([[shared, 'v']]), set: new Set([shared, 1]), boxed: Object('s'),
      sparse: Object.assign([, 1], { extra: true }), error: new RangeError('bad', { cause: shared }), shared,
      view: new Uint16Array([1, 2, 3]).subarray(1), negativeZero: -0, hidden: undefined, ['__proto__']: 'own',
    }
    source.self = source
    const copy = structuredClone(source)
    ;[copy !== source, copy.self === copy, copy.date.getTime(), String(copy.regexp), copy.map.get(copy.shared),
      copy.set.has(copy.shared), typeof copy.boxed, String(copy.boxed), 0 in copy.sparse, copy.sparse.length,
      copy.sparse.extra, copy.error instanceof RangeError, copy.error.message, copy.error.cause === copy.shared,
      copy.shared.n === 1n, [...copy.view], copy.view.byteOffset, Object.is(copy.negativeZero, -0), 'hidden' in copy,
      Object.hasOwn(copy, '__proto__'), Object.getPrototypeOf(copy) === Object.prototype]
  `)

  t.assert.deepEqual(seen, [
    true,
    true,
    5,
    '/a/giu',
    'v',
    true,
    'object',
    's',
    false,
    2,
    true,
    true,
    'bad',
    true,
    true,
    [2, 3],
    2,
    true,
    true,
    true,
    true,
  ])
})

test('blobs, files and DOMExceptions are copied', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`(async () => {
    const [blob, file, error] = structuredClone([new Blob(['b'], { type: 'x/y' }), new File(['f'], 'n', { lastModified: 3 }),
      new DOMException('m', 'AbortError')])
    return [await blob.text(), blob.type, file instanceof File, file.name, file.lastModified, error.name, error.message]
  })()`)

  t.assert.deepEqual(seen, ['b', 'x/y', true, 'n', 3, 'AbortError', 'm'])
})

test('what cannot be copied is a DataCloneError, and what a getter throws is thrown', async t => {
  await using sandbox = await openWebSandbox()

  const names = await sandbox.run(`
    const attempts = [() => {}, Symbol('s'), new WeakMap(), Promise.resolve(), new Response(), new SharedArrayBuffer(1), new URL('a:b'),
      { get x() { throw new EvalError('mine') } }]
    attempts.map(value => { try { structuredClone(value) } catch (error) { return [error.name, error.code] } })
  `)

  const dataClone = ['DataCloneError', 25]
  t.assert.deepEqual(names, [...Array.from({ length: 7 }, () => dataClone), ['EvalError', undefined]])
})

test('transferred buffers move, and only if everything can be copied', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const buffer = new Uint8Array([1, 2, 3]).buffer
    const caught = run => { try { run() } catch (error) { return error.name } }
    const failed = caught(() => structuredClone([buffer, () => {}], { transfer: [buffer] }))
    const kept = buffer.byteLength
    const copy = structuredClone({ view: new Uint8Array(buffer, 1) }, { transfer: [buffer] })
    ;[failed, kept, buffer.detached, [...copy.view], copy.view.byteOffset, caught(() => structuredClone(buffer)),
      caught(() => structuredClone(1, { transfer: [buffer] })), caught(() => structuredClone(1, { transfer: [{}] }))]
  `)

  t.assert.deepEqual(seen, [
    'DataCloneError',
    3,
    true,
    [2, 3],
    1,
    'DataCloneError',
    'DataCloneError',
    'DataCloneError',
  ])
})
