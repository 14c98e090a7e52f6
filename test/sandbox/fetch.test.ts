import { test } from 'node:test'
import { openFetchSandbox } from '../support/fetch-sandbox.ts'

test('fetch sends what the request says and gives what came back', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    let sent
    globalThis.answer = request => {
      sent = { ...request, headers: Array.prototype.slice.call(request.headers) }
      return {
        status: 201, statusText: 'Made', url: 'http://b/', redirected: true, text: null, headers: ['set-cookie', 'a', 'set-cookie', 'b'],
        body: hold('an', 'swer'),
      }
    }
    fetch('http://a:80/x?y#z', { method: 'post', headers: { 'X-A': '1' }, body: 'text', redirect: 'error', cache: 'no-store' })
      .then(async response => [
        sent, response.status, response.ok, response.statusText, response.url, response.redirected, response.type,
        response.headers.getSetCookie(), await response.text(),
      ])
  `)

  const headers = {
    'x-a': '1',
    'content-type': 'text/plain;charset=UTF-8',
    accept: '*/*',
    'accept-language': '*',
    pragma: 'no-cache',
    'cache-control': 'no-cache',
  }
  t.assert.deepEqual(seen, [
    {
      method: 'POST',
      url: 'http://a/x?y',
      headers: Object.entries(headers).flat(),
      body: { kind: 'text', text: 'text' },
      redirect: 'error',
    },
    201,
    true,
    'Made',
    'http://b/',
    true,
    'basic',
    ['a', 'b'],
    'answer',
  ])
})

test('fetch rejects what is not to be fetched, and never throws', async t => {
  await using sandbox = await openFetchSandbox()

  const errors = await sandbox.run(`
    globalThis.answer = () => { throw new Error('the host was asked') }
    const urls = ['/relative', 'ftp://a/', 'about:blank', 'blob:x', 'http://a:25/', 'http://[', 'data:text/plain;base64,%']
    Promise.all([fetch(), ...urls.map(url => fetch(url))].map(promise => promise.catch(error => error.name)))
  `)

  t.assert.deepEqual(errors, Array(8).fill('TypeError'))
})

test('an aborted signal ends a fetch before, during and after the answer', async t => {
  await using sandbox = await openFetchSandbox()

  const reasons = await sandbox.run(`
    let asked = 0
    globalThis.answer = (request, signal) => {
      asked++
      if (request.url === 'http://slow/') {
        return new Promise((resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      return { status: 200, statusText: '', url: request.url, redirected: false, text: null, headers: [], body: hold('a', 'b') }
    }
    const reason = promise => promise.then(() => 'fulfilled', reason => reason)
    ;(async () => {
      const before = await reason(fetch('http://a/', { signal: AbortSignal.abort('before') }))
      const notAsked = asked
      const during = new AbortController()
      const slow = reason(fetch('http://slow/', { signal: during.signal }))
      during.abort('during')
      const after = new AbortController()
      const read = await fetch('http://a/', { signal: after.signal })
      const unread = await fetch('http://a/', { signal: after.signal })
      const reader = read.body.getReader()
      await reader.read()
      after.abort('after')
      return [before, notAsked, await slow, await reason(reader.read()), await reason(unread.text())]
    })()
  `)

  t.assert.deepEqual(reasons, ['before', 0, 'during', 'after', 'after'])
})

test('an abort ends the transfer of a body that nobody has begun to read, once', async t => {
  await using sandbox = await openFetchSandbox()

  const cancelled = await sandbox.run(`
    globalThis.answer = ({ url }) =>
      ({ status: 200, statusText: '', url, redirected: false, text: null, headers: [], body: hold('a', 'b') })
    ;(async () => {
      const controller = new AbortController()
      const responses = await Promise.all(['unread', 'shown', 'read'].map(name => {
        return fetch('http://a/' + name, { signal: controller.signal })
      }))
      const shown = responses[1].body
      await responses[2].text()
      asked.length = 0
      controller.abort()
      return asked
    })()
  `)

  t.assert.deepEqual(cancelled, ['cancel', 'cancel'])
})

test('a data: URL is fetched without the host', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const read = async url => {
      const response = await fetch(url)
      return [response.headers.get('content-type'), await response.text()]
    }
    Promise.all(['data:,a%20b', 'data:;charset=x,%FF', 'data:text/html ;base64,PGI+', 'data:x,y'].map(read))
  `)

  t.assert.deepEqual(seen, [
    ['text/plain;charset=US-ASCII', 'a b'],
    ['text/plain;charset=x', '\ufffd'],
    ['text/html', '<b>'],
    ['text/plain;charset=US-ASCII', 'y'],
  ])
})

test('a stream is sent without being collected, and cannot be sent twice', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    let kind
    globalThis.answer = request => {
      kind = request.body.kind
      return { status: 200, statusText: '', url: request.url, redirected: false, text: null, headers: [], body: null }
    }
    const request = new Request('http://a/', { method: 'POST', body: new ReadableStream() })
    fetch(request).then(async () => [kind, request.bodyUsed, await fetch(request).catch(error => error.name)])
  `)

  t.assert.deepEqual(seen, ['stream', true, 'TypeError'])
})

test('a response without the integrity asked for is refused', async t => {
  await using sandbox = await openFetchSandbox()
  const digest = (algorithm: string) => Buffer.from(`${algorithm} of ab`).toString('base64')

  const seen = await sandbox.run(`
    globalThis.answer = request =>
      ({ status: 200, statusText: '', url: request.url, redirected: false, text: null, headers: [], body: hold('a', 'b') })
    Promise.all([
      'sha256-${digest('SHA-256')}',
      'sha256-x sha512-y sha512-${digest('SHA-512')}?option sha384-z',
      'sha256-${digest('SHA-256')} sha384-x',
      'md5-unknown',
      'sha256-${digest('SHA-256').replace('=', '')}',
    ].map(integrity => fetch('http://a/', { integrity }).then(response => response.text(), error => error.name)))
  `)

  t.assert.deepEqual(seen, ['ab', 'ab', 'TypeError', 'ab', 'ab'])
})
