/** A response's bytes leave an isolate as they are wanted, and no faster. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { BODY_WINDOW } from '../../src/runtime/protocol.ts'
import { startRuntime, TestExchange, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

test('a stream that nobody reads stops at its window, and goes on when it is read', async () => {
  const { instance } = await runtime.start(`let produced = 0
    export default { fetch(request) {
      if (request.url.endsWith('/produced')) return new Response(String(produced))
      return new Response(new ReadableStream({ pull(c) {
        produced += 65536; c.enqueue(new Uint8Array(65536)); if (produced >= 8e6) c.close()
      } }))
    } }`)
  const exchange = new TestExchange('http://app.test/')
  let withheld = 0
  exchange.onChunk = chunk => {
    withheld += chunk.length
  }
  runtime.client.send(instance, exchange)
  await exchange.headSeen.promise

  const produced = Number((await runtime.fetch(instance, 'http://app.test/produced')).body.toString())
  assert(produced < 2_000_000, `${produced} bytes produced for a reader that takes none`)

  const rest = new Promise<void>(resolve => {
    exchange.onEnd = () => resolve()
  })
  exchange.onChunk = chunk => {
    withheld += chunk.length
    exchange.link?.client.grant(exchange, chunk.length)
  }
  exchange.link!.client.grant(exchange, withheld)
  await rest
  assert(withheld >= 8e6)
})

test('a little credit is used, and not waited for to grow: the app does nothing meanwhile', async () => {
  const { instance } = await runtime.start(
    `export default { fetch: () => new Response(new Uint8Array(400_000)) }`,
  )
  const exchange = new TestExchange('http://app.test/')
  let bytes = 0
  const arrived = Promise.withResolvers<void>()
  exchange.onChunk = chunk => {
    bytes += chunk.length
    if (bytes === BODY_WINDOW) exchange.link!.client.grant(exchange, 100)
    if (bytes === BODY_WINDOW + 100) arrived.resolve()
  }
  runtime.client.send(instance, exchange)
  await arrived.promise
  // A heartbeat tells of instances that have run since the one before.
  for (let heartbeat = 0; heartbeat < 2; heartbeat++) await runtime.client.ping()
  const { instances } = await runtime.client.ping()
  assert.deepEqual(
    instances.filter(stats => stats.instance === instance),
    [],
  )

  exchange.link!.client.grant(exchange, BODY_WINDOW)
  assert.equal((await exchange.answer).failure, null)
  assert.equal(bytes, 400_000)
})

test('a heartbeat tells what an app’s bytes cost those who carry them, whether or not it looked at them', async () => {
  const { instance } = await runtime.start(`export default {
    async fetch(request) {
      return new Response(new URL(request.url).pathname === '/through' ? request.body : await request.bytes())
    },
  }`)
  const body = Buffer.alloc(2 ** 20, 1)
  const moved = async () => {
    const { instances } = await runtime.client.ping()
    // A record of some bytes may come after the response it belongs to.
    return Math.round(instances.find(stats => stats.instance === instance)?.servedMs ?? 0)
  }
  await moved()

  await runtime.fetch(instance, 'http://app.test/', { method: 'POST', body })
  const read = await moved()
  await runtime.fetch(instance, 'http://app.test/through', { method: 'POST', body })
  const passedOn = await moved()

  assert.deepEqual([read, passedOn, await moved()], [2, 1, 0])
})

test('more records and texts than one call brings come with the next ones, in order', async () => {
  const { instance } = await runtime.start(`const wide = 'あ'.repeat(131_072)
    export default { fetch(request) {
      if (request.url.endsWith('/text')) return new Response(wide)
      let n = 0
      return new Response(new ReadableStream({ pull(c) {
        c.enqueue(Uint8Array.of(n++ & 0xff)); if (n === 20_000) c.close()
      } }))
    } }`)
  const tiny = await runtime.fetch(instance, 'http://app.test/tiny')
  assert.deepEqual(tiny.body, Buffer.from(Array.from({ length: 20_000 }, (_, n) => n & 0xff)))
  const text = Buffer.from('あ'.repeat(131_072))
  const answers = Array.from({ length: 20 }, () => runtime.fetch(instance, 'http://app.test/text'))
  for (const { body, failure } of await Promise.all(answers)) {
    assert.equal(failure, null)
    assert(body.equals(text))
  }
})
