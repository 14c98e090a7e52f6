import { test } from 'node:test'
import { openFetchSandbox } from '../support/fetch-sandbox.ts'

test('an incoming request shows what came in', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const id = hold('{"a":', '1}')
    const request = createIncomingRequest('POST', 'http://a.test/x?y', 'host\\na.test\\nx-a\\n1\\nx-a\\n2\\n', { kind: 'host', id })
    ;(async () => [
      request.method, request.url, request.headers.get('x-a'), [...request.headers.keys()], request.redirect,
      request.bodyUsed, await request.json(), request.bodyUsed, request.cf, asked,
    ])()
  `)

  t.assert.deepEqual(seen, [
    'POST',
    'http://a.test/x?y',
    '1, 2',
    ['host', 'x-a'],
    'manual',
    false,
    { a: 1 },
    true,
    {},
    ['collectText'],
  ])
})

test('an incoming request that is aborted aborts its signal, whenever that is asked for', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const early = createIncomingRequest('GET', 'http://a/', '', null)
    let fired = 0
    early.signal.addEventListener('abort', () => fired++)
    const copy = new Request(early)
    abortIncomingRequest(early)
    const late = createIncomingRequest('GET', 'http://a/', '', null)
    abortIncomingRequest(late, 'gone')
    ;[fired, early.signal.reason.name, copy.signal.aborted, late.signal.aborted, late.signal.reason]
  `)

  t.assert.deepEqual(seen, [1, 'AbortError', true, true, 'gone'])
})

test('a Request made of an incoming one takes its body along, unread', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const id = hold('body')
    const incoming = createIncomingRequest('POST', 'http://a/', 'content-type\\ntext/x\\n', { kind: 'host', id })
    const request = new Request('http://b/', incoming)
    let sent
    globalThis.answer = request => {
      sent = request
      return { status: 204, statusText: '', url: request.url, redirected: false, text: null, headers: [], body: null }
    }
    fetch(request).then(() => [
      sent.method, sent.url, sent.body, sent.redirect, sent.headers[0], sent.headers[1], incoming.bodyUsed, asked,
    ])
  `)

  t.assert.deepEqual(seen, [
    'POST',
    'http://b/',
    { kind: 'host', id: 1 },
    'manual',
    'content-type',
    'text/x',
    true,
    [],
  ])
})

test('a used body cannot be sent again, a clone can', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const request = new Request('http://a/', { method: 'POST', body: 'text' })
    const clone = request.clone()
    request.text().then(async first => {
      let error
      try { new Request(request) } catch (caught) { error = caught.name }
      return [first, error, await new Request(clone).text(), clone.bodyUsed]
    })
  `)

  t.assert.deepEqual(seen, ['text', 'TypeError', 'text', true])
})

test('what no request may be is refused', async t => {
  await using sandbox = await openFetchSandbox()

  const names = await sandbox.run(`
    const attempt = (...args) => { try { new Request(...args); return 'made' } catch (error) { return error.name } }
    ;[
      attempt(),
      attempt('/relative'),
      attempt('http://user:secret@a/'),
      attempt('http://a/', { method: 'TRACE' }),
      attempt('http://a/', { method: 'a b' }),
      attempt('http://a/', { body: 'x' }),
      attempt('http://a/', { redirect: 'sometimes' }),
      attempt('http://a/', { signal: {} }),
      attempt('http://a/', { method: 'patch', body: new ReadableStream() }),
    ]
  `)

  t.assert.deepEqual(names, [...Array(8).fill('TypeError'), 'made'])
})
