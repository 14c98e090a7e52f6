import { test } from 'node:test'
import { openFetchSandbox } from '../support/fetch-sandbox.ts'

test('each kind of body is read in each way', async t => {
  await using sandbox = await openFetchSandbox()

  const texts = await sandbox.run(`
    const stream = () => new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('"h\\u00e9'))
        controller.enqueue(new TextEncoder().encode('llo"'))
        controller.close()
      },
    })
    const makers = [
      () => new Response('"h\\u00e9llo"'),
      () => new Response(new TextEncoder().encode('"h\\u00e9llo"')),
      () => new Response(new Blob(['"h\\u00e9', 'llo"'])),
      () => new Response(stream()),
      () => new Request('http://a/', { method: 'POST', body: '"h\\u00e9llo"' }),
      () => createIncomingRequest('POST', 'http://a/', '', { kind: 'host', id: hold('"h\\u00e9', 'llo"') }),
    ]
    const decode = bytes => new TextDecoder().decode(bytes)
    Promise.all(makers.map(async make => [
      await make().text(), JSON.stringify(await make().json()), decode(await make().arrayBuffer()),
      decode(await make().bytes()), await (await make().blob()).text(),
    ]))
  `)

  for (const read of texts as string[][]) t.assert.deepEqual(read, Array(5).fill('"héllo"'))
})

test('a body that lies with the host is pulled as it is read, into the reader’s own buffer if asked', async t => {
  await using sandbox = await openFetchSandbox()

  const read = await sandbox.run(`
    const { body } = createIncomingRequest('POST', 'http://a/', '', { kind: 'host', id: hold('abcd', 'ef') })
    const reader = body.getReader({ mode: 'byob' })
    ;(async () => {
      const steps = []
      for (;;) {
        const { done, value } = await reader.read(new Uint8Array(3))
        if (done) return [...steps, asked]
        steps.push(new TextDecoder().decode(value))
      }
    })()
  `)

  t.assert.deepEqual(read, ['abc', 'd', 'ef', ['pull', 'pull', 'pull']])
})

test('a body that breaks off rejects the read, and one that is canceled is given up', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const broken = createIncomingRequest('POST', 'http://a/', '', { kind: 'host', id: hold('a', new TypeError('gone')) })
    const reader = broken.body.getReader()
    const unwanted = createIncomingRequest('POST', 'http://a/', '', { kind: 'host', id: hold('a') })
    ;(async () => {
      await reader.read()
      const error = await reader.read().catch(error => error.message)
      await unwanted.body.cancel()
      return [error, asked]
    })()
  `)

  t.assert.deepEqual(seen, ['gone', ['pull', 'pull', 'cancel']])
})

test('both branches of a cloned host body give all bytes', async t => {
  await using sandbox = await openFetchSandbox()

  const read = await sandbox.run(`
    const request = createIncomingRequest('POST', 'http://a/', '', { kind: 'host', id: hold('ab', 'cd') })
    const clone = request.clone()
    Promise.all([request.text(), clone.text()])
  `)

  t.assert.deepEqual(read, ['abcd', 'abcd'])
})

test('a body is read once, and a stream must give bytes', async t => {
  await using sandbox = await openFetchSandbox()

  const errors = await sandbox.run(`
    const response = new Response('a')
    const strings = new Response(new ReadableStream({ start(controller) { controller.enqueue('text') } }))
    ;(async () => {
      await response.text()
      return Promise.all([response.text(), strings.text(), Response.prototype.text.call({})].map(promise =>
        promise.then(() => 'read', error => error.name)))
    })()
  `)

  t.assert.deepEqual(errors, ['TypeError', 'TypeError', 'TypeError'])
})

test('a patched Promise.prototype.then does not see a body being collected', async t => {
  await using sandbox = await openFetchSandbox()

  const seen = await sandbox.run(`
    const { then } = Promise.prototype
    let calls = 0
    Promise.prototype.then = function (...args) { calls++; return then.apply(this, args) }
    const request = createIncomingRequest('POST', 'http://a/', '', { kind: 'host', id: hold('ab') })
    ;(async () => [await request.text(), calls])()
  `)

  t.assert.deepEqual(seen, ['ab', 0])
})
