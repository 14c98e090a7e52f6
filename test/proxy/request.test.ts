import http from 'node:http'
import { test } from 'node:test'
import { ask, headersOf, hello, sendRaw, setUp } from './setup.ts'

test('an app’s whole response reaches the client with its length, a date and a request id', async t => {
  const { port, nextEvent } = await setUp(t, hello)

  const reply = await ask(port, { headers: { host: 'hello.localhost' } })

  t.assert.equal(reply.status, 200)
  t.assert.equal(reply.body, 'hello')
  t.assert.equal(reply.headers['content-length'], '5')
  t.assert.match(reply.headers.date ?? '', /GMT$/)
  t.assert.match(String(reply.headers['x-request-id']), /^[0-9a-f]{32}$/)
  const event = await nextEvent()
  t.assert.equal(event.outcome, 'ok')
  t.assert.equal(event.status, 200)
  t.assert.equal(event.cpuMs, 1.5)
  t.assert.equal(event.bytesOut, 5)
  t.assert.equal(event.host, 'hello.localhost')
  t.assert.equal(event.requestId, reply.headers['x-request-id'])
})

test('every method that the HTTP parser knows reaches the app', async t => {
  const { port, scheduler } = await setUp(t, hello)
  const methods = http.METHODS.filter(method => method !== 'CONNECT')

  for (const method of methods) t.assert.equal((await ask(port, { method })).status, 200, method)

  t.assert.deepEqual(
    scheduler.exchanges.map(exchange => exchange.method),
    methods,
  )
})

test('hop-by-hop headers stay behind and forged addresses are replaced', async t => {
  const { port, scheduler } = await setUp(t, hello)

  await ask(port, {
    path: '/a/b?c=d',
    headers: {
      host: 'Example.com:81',
      connection: 'close, x-secret-hop',
      'x-secret-hop': '1',
      te: 'trailers',
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      'cf-connecting-ip': '6.6.6.6',
      'x-real-ip': '6.6.6.6',
      forwarded: 'for=6.6.6.6',
      'x-kept': ['one', 'two'],
    },
  })

  const exchange = scheduler.exchanges[0]!
  const { first, headers } = headersOf(exchange)
  t.assert.deepEqual(first, ['GET', 'http://Example.com:81/a/b?c=d'])
  t.assert.equal(exchange.host, 'example.com')
  t.assert.equal(exchange.path, '/a/b')
  t.assert.deepEqual(headers['x-kept'], ['one', 'two'])
  t.assert.deepEqual(headers['x-forwarded-for'], ['127.0.0.1'])
  t.assert.deepEqual(headers['cf-connecting-ip'], ['127.0.0.1'])
  t.assert.deepEqual(headers['x-real-ip'], ['127.0.0.1'])
  t.assert.deepEqual(headers['x-forwarded-proto'], ['http'])
  t.assert.deepEqual(headers['x-forwarded-host'], ['Example.com:81'])
  t.assert.deepEqual(headers.host, ['Example.com:81'])
  for (const name of ['connection', 'x-secret-hop', 'te', 'forwarded', 'transfer-encoding']) {
    t.assert.equal(headers[name], undefined, name)
  }
})

test('a well-formed x-request-id is taken over, another is not', async t => {
  const { port } = await setUp(t, hello)

  const good = await ask(port, { headers: { 'x-request-id': 'trace/1.2:a+b=' } })
  const bad = await ask(port, { headers: { 'x-request-id': 'no spaces' } })

  t.assert.equal(good.headers['x-request-id'], 'trace/1.2:a+b=')
  t.assert.match(String(bad.headers['x-request-id']), /^[0-9a-f]{32}$/)
})

test('an absolute target names the host, whatever the header says', async t => {
  const { port, scheduler } = await setUp(t, hello)

  const answer = await sendRaw(
    port,
    'GET http://other.example:8080/x?y HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  )

  t.assert.match(answer, /^HTTP\/1.1 200 /)
  t.assert.equal(scheduler.exchanges[0]!.host, 'other.example')
  t.assert.equal(headersOf(scheduler.exchanges[0]!).first[1], 'http://other.example:8080/x?y')
})

test('targets that no router could decode reach the app as they are', async t => {
  const { port, scheduler } = await setUp(t, hello)

  await ask(port, { path: '/%zz/%/..%2f?a=%' })

  t.assert.equal(scheduler.exchanges[0]!.path, '/%zz/%/..%2f')
})
