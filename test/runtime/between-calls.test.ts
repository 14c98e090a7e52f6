/** What V8 and isolated-vm do for an app by themselves, between the calls of the host: none of it may be the app's code. */
import { after, before, type TestContext, test } from 'node:test'
import { startRuntime, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

/** Statements that leave `registry` something that has gone, and have V8 find that. */
const COLLECTS = `
  for (let i = 0; i < 3; i++) registry.register([i], 'held ' + i)
  for (let i = 0, kept = []; i < 60; i++) {
    kept.push(new Array(100_000).fill(i))
    if (kept.length === 6) kept = []
  }`
const LONG = `'x'.repeat(100_000)`

/** An app whose callback does this when something has gone, and answers with what `/` asks for. */
const app = (callback: string, answer = LONG) => `
  const heard = []
  const registry = new FinalizationRegistry(${callback})
  export default {
    async fetch({ url }) {
      if (url.endsWith('/collect')) { ${COLLECTS} }
      return new Response(${answer})
    },
  }`

const LOOPS = {
  'a callback of a FinalizationRegistry': '() => { for (;;) {} }',
  'a microtask of one': '() => { Promise.resolve().then(() => { for (;;) {} }) }',
}

for (const [what, callback] of Object.entries(LOOPS)) {
  test(`${what} that loops costs its app, and no neighbour waits`, async (t: TestContext) => {
    const { instance: neighbour } = await runtime.start(
      "export default { fetch: () => new Response('quick') }",
    )
    const { instance } = await runtime.start(app(callback))
    const ended = runtime.ended.length

    const { body } = await runtime.fetch(instance, 'http://app.test/collect')
    t.assert.equal(body.length, 100_000)
    const [, quick] = await Promise.all([
      runtime.fetch(instance, 'http://app.test/'),
      runtime.fetch(neighbour, 'http://app.test/'),
    ])

    t.assert.equal(quick.body.toString(), 'quick')
    while (runtime.ended.length === ended) await runtime.fetch(neighbour, 'http://app.test/')
    t.assert.equal(runtime.ended.at(-1)?.reason, 'exceededCpu')
  })
}

/** An app that rejects a promise, with an error whose message is asked for when the call is over, and does this then. */
const rejecting = (act: string) => `
  export default {
    async fetch() {
      const error = new Error('unread')
      Object.defineProperty(error, 'message', { get() { ${act}; return 'read' } })
      Promise.reject(error)
      return new Response(${LONG})
    },
  }`

test('a getter of a rejected error that leaves a loop behind costs its app, and no neighbour waits', async (t: TestContext) => {
  const { instance: neighbour } = await runtime.start("export default { fetch: () => new Response('quick') }")
  const { instance } = await runtime.start(rejecting('Promise.resolve().then(() => { for (;;) {} })'))

  const [{ failure }, quick] = await Promise.all([
    runtime.fetch(instance, 'http://app.test/'),
    runtime.fetch(neighbour, 'http://app.test/'),
  ])

  t.assert.equal(quick.body.toString(), 'quick')
  t.assert.equal(failure?.outcome, 'exceededCpu')
})

test('so does one that rejects anew, without end', async (t: TestContext) => {
  const { instance } = await runtime.start(`
    const kept = []
    const reject = () => {
      const error = new Error()
      Object.defineProperty(error, 'message', { get: reject })
      kept.push(Promise.reject(error))
    }
    export default { fetch() { reject(); return new Response('answered') } }`)

  const { failure } = await runtime.fetch(instance, 'http://app.test/')

  t.assert.equal(failure?.outcome, 'exceededCpu')
})

test('what it leaves behind and ends is done, and told, before the call is over', async (t: TestContext) => {
  const act = "Promise.resolve().then(() => console.log('left behind'))"
  const { instance } = await runtime.start(rejecting(act))

  const { body } = await runtime.fetch(instance, 'http://app.test/')

  t.assert.equal(body.length, 100_000)
  const lines = runtime.notices.filter(told => told.type === 'log').map(({ message }) => message)
  t.assert.equal(lines.includes('left behind'), true)
})

test('callbacks are called with what was held, one after the other, whatever they throw', async (t: TestContext) => {
  const { instance } = await runtime.start(
    app("held => { heard.push(held); throw new Error('of ' + held) }", 'JSON.stringify(heard)'),
  )
  const url = 'http://app.test/collect'
  let heard: string[] = []
  while (heard.length < 3) heard = JSON.parse((await runtime.fetch(instance, url)).body.toString())

  t.assert.deepEqual([...new Set(heard)].sort(), ['held 0', 'held 1', 'held 2'])
  const lines = runtime.notices.filter(told => told.type === 'log').map(({ message }) => message)
  t.assert.match(lines.find(line => line.includes('of held 0')) ?? '', /^Error: of held 0/)
})

const SHAPE = `
  const registry = new FinalizationRegistry(() => {})
  const token = {}
  const errorOf = act => { try { return act() } catch (error) { return error.name } }
  registry.register({}, 1, token)
  const seen = [
    FinalizationRegistry.name, FinalizationRegistry.length, String(registry),
    Object.keys(FinalizationRegistry.prototype), registry.register.length, registry.unregister.length,
    registry.unregister(token), registry.unregister(token), registry.register({}, 1) === undefined,
    errorOf(() => new FinalizationRegistry()), errorOf(() => FinalizationRegistry(() => {})),
    errorOf(() => registry.register(token, token)), errorOf(() => registry.register(1, 2)),
    errorOf(() => registry.unregister(1)), errorOf(() => registry.register.call({}, {}, 1)),
    new (class extends FinalizationRegistry {})(() => {}) instanceof FinalizationRegistry,
  ]
  export default { fetch: () => Response.json(seen) }`

test('the registry is shaped as the language has it', async (t: TestContext) => {
  const { instance } = await runtime.start(SHAPE)
  const { body } = await runtime.fetch(instance, 'http://app.test/')

  t.assert.deepEqual(JSON.parse(body.toString()), [
    ...['FinalizationRegistry', 1, '[object FinalizationRegistry]', [], 2, 1, true, false, true],
    ...Array(6).fill('TypeError'),
    true,
  ])
})

test('nobody can ask V8 to be woken', async (t: TestContext) => {
  const { instance } = await runtime.start(
    `export default { fetch: () => new Response(typeof Atomics.waitAsync + typeof Atomics.notify) }`,
  )
  const { body } = await runtime.fetch(instance, 'http://app.test/')

  t.assert.equal(body.toString(), 'undefinedfunction')
})
