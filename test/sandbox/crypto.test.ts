import { test } from 'node:test'
import { openWebSandbox } from '../support/web-sandbox.ts'

test('random values fill the bytes of the array that is given', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const array = new Uint16Array(4).subarray(1, 3)
    ;[crypto.getRandomValues(array) === array, [...new Uint8Array(array.buffer)], crypto.randomUUID()]
  `)

  t.assert.deepEqual(seen, [true, [0, 0, 1, 2, 3, 4, 0, 0], '01020304-0506-4708-890a-0b0c0d0e0f10'])
})

test('random values are refused for other arrays than those of integers, and for too many', async t => {
  await using sandbox = await openWebSandbox()

  const names = await sandbox.run(`
    const attempts = [new Float32Array(1), new DataView(new ArrayBuffer(1)), new Uint8Array(65537), [], undefined]
    attempts.map(array => { try { crypto.getRandomValues(array) } catch (error) { return error.name } })
  `)

  t.assert.deepEqual(names, [
    'TypeMismatchError',
    'TypeMismatchError',
    'QuotaExceededError',
    'TypeError',
    'TypeError',
  ])
})

test('digests are asked of the host, with the data as it was at the call', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`(async () => {
    const digest = async (...args) => [...new Uint8Array(await crypto.subtle.digest(...args))]
    return [await digest('sha-256', new Uint8Array(3)), await digest({ name: 'MD5' }, new ArrayBuffer(5))]
  })()`)

  t.assert.deepEqual(seen, [
    [7, 3],
    [3, 5],
  ])
})

test('a digest that cannot be rejects, whatever is wrong', async t => {
  await using sandbox = await openWebSandbox()

  const names = await sandbox.run(`(async () => {
    const attempts = [['SHA-2', new Uint8Array()], ['\\u017fHA-1', new Uint8Array()], ['SHA-1', 'text'], ['SHA-1'], [{}, new Uint8Array()]]
    const names = []
    for (const args of attempts) await crypto.subtle.digest(...args).catch(error => names.push(error.name))
    return names
  })()`)

  t.assert.deepEqual(names, ['NotSupportedError', 'NotSupportedError', 'TypeError', 'TypeError', 'TypeError'])
})
