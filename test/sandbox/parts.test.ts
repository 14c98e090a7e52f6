import { after, before, type TestContext, test } from 'node:test'
import { startRuntime, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

/** What an app answers whose top level and handler are these. */
async function run(top: string, handler: string): Promise<unknown> {
  const source = `${top}
    export default { async fetch(request) { return Response.json(await (async () => { ${handler} })()) } }`
  const { instance } = await runtime.start(source)
  const { body, failure } = await runtime.fetch(instance, 'http://app.test/')
  return failure ? failure.message : JSON.parse(body.toString())
}

/** As no name: nobody who looks through the code for it finds it. */
const hidden = (name: string) => `globalThis['${name[0]}' + '${name.slice(1)}']`

const INTERFACES = [
  'CacheStorage',
  'CompressionStream',
  'EventSource',
  'HTMLRewriter',
  'MessageChannel',
  'PerformanceMark',
  'ReadableStream',
  'SubtleCrypto',
  'URLPattern',
  'WebSocketPair',
]

test('an interface that an app names is a property as WebIDL has it', async (t: TestContext) => {
  const answer = await run(
    '',
    `return [${INTERFACES.map(name => `[${name}.name, Object.getOwnPropertyDescriptor(globalThis, '${name}')]`)}]`,
  )

  const property = { writable: true, enumerable: false, configurable: true }
  t.assert.deepEqual(
    answer,
    INTERFACES.map(name => [name, property]),
  )
})

test('so it is for an app in service-worker syntax', async (t: TestContext) => {
  const source = `addEventListener('fetch', event => {
    const { get } = Object.getOwnPropertyDescriptor(globalThis, 'ReadableStream')
    event.respondWith(new Response(typeof get))
  })`
  const modules = [{ name: 'worker.js', type: 'script' as const, content: Buffer.from(source) }]
  const { instance } = await runtime.start(modules, { syntax: 'service-worker' })
  const { body } = await runtime.fetch(instance, 'http://app.test/')

  t.assert.equal(body.toString(), 'undefined')
})

test('one that an app comes by in another way is there too', async (t: TestContext) => {
  const answer = await run('', `return [${INTERFACES.map(name => `${hidden(name)}.name`)}]`)

  t.assert.deepEqual(answer, INTERFACES)
})

test('an app can put something of its own in its place', async (t: TestContext) => {
  const answer = await run(
    `${hidden('ReadableStream')} = 1; ${hidden('WebSocket')} = 2`,
    `return [${hidden('ReadableStream')}, WebSocket, new Response('x').body.locked]`,
  )

  t.assert.deepEqual(answer, [1, 2, false])
})

test('the objects of a part are of the same classes wherever they come from', async (t: TestContext) => {
  const answer = await run(
    '',
    `const { body } = new Response('x')
     const [{ value }] = await Promise.all([body.getReader().read()])
     const form = await new Response('a=b', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }).formData()
     return [
       body instanceof ${hidden('ReadableStream')}, value instanceof Uint8Array, form instanceof FormData,
       new Blob(['x']).stream() instanceof ${hidden('ReadableStream')},
       await new Response(new Blob(['y']).stream()).text(),
       ${hidden('performance')} instanceof ${hidden('Performance')} && ${hidden('performance')} instanceof EventTarget,
       new (${hidden('WebSocketPair')})()[0] instanceof EventTarget,
     ]`,
  )

  t.assert.deepEqual(answer, [true, true, true, true, 'y', true, true])
})

test('a part that is loaded after an app has patched built-ins works as before', async (t: TestContext) => {
  const answer = await run(
    `Object.prototype.extra = { value: 1 }
     for (const key of ['from', 'of']) Array[key] = null
     Object.entries = Object.keys = Object.assign = null
     globalThis.Map = globalThis.Set = globalThis.Uint8Array = globalThis.TypeError = null`,
    `console.log({ a: 1 })
     const clone = globalThis['structured' + 'Clone']({ a: [1] })
     return [await new Response(new Response('abc').body).text(), clone.a[0], ${hidden('performance')}.now() >= 0]`,
  )

  t.assert.deepEqual(answer, ['abc', 1, true])
})
