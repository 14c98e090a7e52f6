import { test } from 'node:test'
import { openFetchSandbox } from '../support/fetch-sandbox.ts'

test('Headers are iterated in order, in lower case and combined, but for Set-Cookie', async t => {
  await using sandbox = await openFetchSandbox()

  const entries = await sandbox.run(`
    const headers = new Headers([['X-B', '1'], ['Set-Cookie', 'a=1'], ['Accept', '*/*'], ['x-b', ' 2 ']])
    headers.append('set-cookie', 'b=2')
    ;[[...headers], headers.getSetCookie(), headers.getAll('Set-Cookie'), headers.get('X-b'), headers.get('none')]
  `)

  t.assert.deepEqual(entries, [
    [
      ['accept', '*/*'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-b', '1, 2'],
    ],
    ['a=1', 'b=2'],
    ['a=1', 'b=2'],
    '1, 2',
    null,
  ])
})

test('an iterator of Headers sees what changes while it runs', async t => {
  await using sandbox = await openFetchSandbox()

  const names = await sandbox.run(`
    const headers = new Headers({ a: '1', c: '3' })
    const names = []
    for (const [name] of headers) {
      names.push(name)
      if (name === 'a') headers.append('b', '2')
    }
    names
  `)

  t.assert.deepEqual(names, ['a', 'b', 'c'])
})

test('invalid names and values are refused by name', async t => {
  await using sandbox = await openFetchSandbox()

  const errors = await sandbox.run(`
    const attempt = act => { try { return act() ?? 'nothing' } catch (error) { return error.name + ': ' + error.message } }
    const headers = new Headers()
    ;[
      attempt(() => headers.append('', 'x')),
      attempt(() => headers.set('a b', 'x')),
      attempt(() => headers.set('a', 'x\\r\\ny: z')),
      attempt(() => headers.set('a', '\\u0100')),
      attempt(() => new Headers(null)),
      attempt(() => new Headers([['a']])),
      attempt(() => Headers.prototype.get.call({}, 'a')),
    ].map(text => text.split(':')[0])
  `)

  t.assert.deepEqual(errors, Array(7).fill('TypeError'))
})

test('the headers of a fetched response and of an incoming request cannot be changed', async t => {
  await using sandbox = await openFetchSandbox()

  const errors = await sandbox.run(`
    const response = createFetchedResponse({
      status: 200, statusText: 'OK', url: 'http://a/', redirected: false, text: null, headers: ['a', '1'], body: null,
    })
    const request = createIncomingRequest('GET', 'http://a/', 'a\\n1\\n', null)
    ;[response.headers, request.headers].map(headers => {
      try { headers.set('a', '2') } catch (error) { return error.name + ' ' + headers.get('a') }
    })
  `)

  t.assert.deepEqual(errors, ['TypeError 1', 'TypeError 1'])
})

test('an accessor on Array.prototype does not see what is added to Headers', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    let seen = 0
    for (let i = 0; i < 8; i++) {
      Object.defineProperty(Array.prototype, i, { set() { seen++ }, configurable: true })
    }
    const headers = new Headers()
    headers.append('a', '1')
    headers.append('b', '2')
    const result = headers.get('a') + headers.get('b') + seen
    for (let i = 0; i < 8; i++) delete Array.prototype[i]
    result
  `)

  t.assert.equal(seen, '120')
})
