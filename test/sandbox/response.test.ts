import { test } from 'node:test'
import { openFetchSandbox } from '../support/fetch-sandbox.ts'

test('a Response of a string is read as that string', async t => {
  await using sandbox = await openFetchSandbox()

  const read = await sandbox.run(`
    const response = new Response('hello')
    const { status, statusText, headers, body } = readResponse(response)
    ;[status, statusText, [headers[0], headers[1], headers.length], body, response.bodyUsed]
  `)

  t.assert.deepEqual(read, [
    200,
    '',
    ['content-type', 'text/plain;charset=UTF-8', 2],
    { kind: 'text', text: 'hello' },
    true,
  ])
})

test('the body of a fetched response stays with the host while it is passed on', async t => {
  await using sandbox = await openFetchSandbox()

  const kinds = await sandbox.run(`
    const fetched = () => createFetchedResponse({
      status: 200, statusText: 'OK', url: 'http://a/', redirected: false, text: null, headers: ['x-a', '1'], body: hold('a', 'b'),
    })
    const first = fetched()
    const passed = new Response(first.body, first)
    const kinds = [
      readResponse(fetched()).body.kind,
      readResponse(passed).body.kind,
      readResponse(new Response(new Response('text').body)).body.kind,
    ]
    const touched = fetched()
    touched.body.getReader().read().then(() => [...kinds, asked, first.bodyUsed, passed.headers.get('x-a'), touched.bodyUsed])
  `)

  t.assert.deepEqual(kinds, ['host', 'host', 'text', ['pull'], true, '1', true])
})

test('a Response whose body has been read or is locked cannot be sent', async t => {
  await using sandbox = await openFetchSandbox()

  const errors = await sandbox.run(`
    const attempt = response => { try { return readResponse(response).status } catch (error) { return error.message } }
    const used = new Response('a')
    used.text()
    const locked = new Response('a')
    locked.body.getReader()
    const twice = new Response('a')
    readResponse(twice)
    ;[attempt(used), attempt(locked), attempt(twice), attempt(Response.error())]
  `)

  t.assert.match((errors as string[])[0]!, /has been read already, or is locked/)
  t.assert.equal((errors as string[])[1], (errors as string[])[0])
  t.assert.equal((errors as string[])[2], (errors as string[])[0])
  t.assert.match((errors as string[])[3]!, /stands for a failed fetch/)
})

test('only a real Response is taken for one', async t => {
  await using sandbox = await openFetchSandbox()

  const read = await sandbox.run(`
    Object.defineProperty(Response.prototype, 'status', { get: () => 999 })
    class Derived extends Response {}
    ;[
      readResponse(Object.create(Response.prototype)),
      readResponse({ status: 200, headers: new Headers(), body: null }),
      readResponse('text'),
      readResponse(undefined),
      readResponse(new Derived('x')).status,
    ]
  `)

  t.assert.deepEqual(read, [null, null, null, null, 200])
})

test('the static makers make what they say', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const json = readResponse(Response.json({ a: 1 }, { status: 201, headers: { 'content-type': 'x/y' } }))
    const redirect = readResponse(Response.redirect('http://a/b', 307))
    const error = act => { try { act() } catch (error) { return error.name } }
    ;[
      json.status, json.body.text, json.headers[1], redirect.status, redirect.headers[0], redirect.headers[1],
      Response.error().type, error(() => Response.redirect('/b')), error(() => Response.redirect('http://a/', 200)),
      error(() => Response.json(undefined)), error(() => new Response('', { status: 101 })),
      error(() => new Response('', { status: 204 })), new Response(null, { status: 204 }).body,
    ]
  `)

  t.assert.deepEqual(seen, [
    201,
    '{"a":1}',
    'x/y',
    307,
    'location',
    'http://a/b',
    'error',
    'TypeError',
    'RangeError',
    'TypeError',
    'RangeError',
    'TypeError',
    null,
  ])
})

test('the length of a FixedLengthStream becomes the Content-Length', async t => {
  await using sandbox = await openFetchSandbox()

  const headers = await sandbox.run(`
    const { readable } = new FixedLengthStream(12)
    const { headers } = readResponse(new Response(readable, { headers: { 'content-type': 'x/y' } }))
    Array.prototype.slice.call(headers)
  `)

  t.assert.deepEqual(headers, ['content-type', 'x/y', 'content-length', '12'])
})
