import { after, before, type TestContext, test } from 'node:test'
import { startRuntime, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

/** What the app answers, from JSON. `resolve` answers. */
async function answerOf(code: string): Promise<unknown> {
  const { instance } = await runtime.start(
    `export default { async fetch() { return Response.json(await new Promise((resolve, reject) => { ${code} })) } }`,
  )
  const { body, failure } = await runtime.fetch(instance, 'http://app.test/')
  return failure ?? JSON.parse(body.toString())
}

test('timers that are due at the same time fire in the order in which they were started', async (t: TestContext) => {
  const order = await answerOf(`const order = []
    for (let i = 0; i < 9; i++) setTimeout(() => { order.push(i); if (i === 8) resolve(order) }, 5)`)

  t.assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8])
})

test('ports deliver copies in order, in tasks of their own, and can be transferred', async (t: TestContext) => {
  const heard = await answerOf(`const heard = []
    const { port1, port2 } = new MessageChannel()
    const inner = new MessageChannel()
    const message = { count: 1 }
    port1.postMessage(message)
    message.count = 2
    port1.postMessage('second', [inner.port2])
    queueMicrotask(() => heard.push('microtask'))
    inner.port1.onmessage = ({ data }) => resolve([...heard, data])
    port2.onmessage = ({ data, ports }) => {
      heard.push(data)
      if (ports.length > 0) ports[0].postMessage('through the transferred port')
    }`)

  t.assert.deepEqual(heard, ['microtask', { count: 1 }, 'second', 'through the transferred port'])
})

test('messages sent before a port was started or transferred wait for it, those to a closed one are lost', async (t: TestContext) => {
  const heard = await answerOf(`const heard = []
    const a = new MessageChannel(), b = new MessageChannel(), closed = new MessageChannel()
    a.port1.postMessage('early')
    closed.port2.onmessage = () => heard.push('never')
    closed.port2.close()
    closed.port1.postMessage('lost')
    b.port1.postMessage(null, [a.port2])
    b.port2.onmessage = ({ ports: [port] }) => {
      port.onmessage = ({ data }) => { heard.push(data); setTimeout(() => resolve(heard), 5) }
    }`)

  t.assert.deepEqual(heard, ['early'])
})
