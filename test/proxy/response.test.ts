import { test } from 'node:test'
import { ask, setUp } from './setup.ts'

test('several Set-Cookie are kept apart and the app’s hop-by-hop headers are dropped', async t => {
  const { port } = await setUp(t, exchange => {
    exchange.onHead(
      200,
      ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'Transfer-Encoding', 'chunked', 'x-gone', '1'].concat([
        'connection',
        'x-gone',
        'x-vitrine-outcome',
        'ok',
        'x-request-id',
        'forged',
      ]),
      'x',
    )
    exchange.onEnd(0)
  })

  const reply = await ask(port)

  t.assert.deepEqual(reply.headers['set-cookie'], ['a=1', 'b=2'])
  t.assert.equal(reply.headers['transfer-encoding'], undefined)
  t.assert.equal(reply.headers['x-gone'], undefined)
  t.assert.equal(reply.headers['x-vitrine-outcome'], undefined)
  t.assert.notEqual(reply.headers['x-request-id'], 'forged')
})

test('responses to HEAD and with status 204 or 304 have no body', async t => {
  const { port } = await setUp(t, exchange => {
    const status = Number(exchange.path.slice(1))
    exchange.onHead(status, ['content-length', '5'], 'hello')
    exchange.onEnd(0)
  })

  const head = await ask(port, { method: 'HEAD', path: '/200' })
  const empty = await ask(port, { path: '/204' })
  const same = await ask(port, { path: '/304' })

  t.assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '5', ''])
  t.assert.deepEqual([empty.status, empty.headers['content-length'], empty.body], [204, undefined, ''])
  t.assert.deepEqual([same.status, same.body], [304, ''])
})

test('a HEAD request to an app that streams for ever ends, and so does the app’s work', async t => {
  const { port, scheduler, nextEvent } = await setUp(t, exchange => exchange.onHead(200, [], null))

  const reply = await ask(port, { method: 'HEAD' })

  t.assert.equal(reply.status, 200)
  t.assert.equal((await nextEvent()).outcome, 'ok')
  t.assert.equal(scheduler.cancelled.length, 1)
})

const FORGED: [name: string, status: number, headers: string[]][] = [
  ['a status below 200', 103, []],
  ['a status above 599', 600, []],
  ['a broken status', Number.NaN, []],
  ['a name with a space', 200, ['a b', 'c']],
  ['an empty name', 200, ['', 'c']],
  ['a value with a line break', 200, ['a', 'b\r\nset-cookie: c']],
  ['a value with NUL', 200, ['a', '\0']],
  ['two lengths', 200, ['content-length', '1', 'content-length', '2']],
  ['a negative length', 200, ['content-length', '-1']],
  ['headers beyond the limit', 200, ['a', 'x'.repeat(70_000)]],
]

for (const [name, status, headers] of FORGED) {
  test(`a response with ${name} becomes an internal error`, async t => {
    const { port, scheduler } = await setUp(t, exchange => {
      exchange.onHead(status, headers, null)
      exchange.onChunk(Buffer.from('x'))
      exchange.onEnd(0)
    })

    const reply = await ask(port)

    t.assert.equal(reply.status, 500)
    t.assert.equal(reply.headers['x-vitrine-outcome'], 'internalError')
    t.assert.equal(reply.headers['set-cookie'], undefined)
    t.assert.equal(scheduler.cancelled.length, 1)
  })
}
