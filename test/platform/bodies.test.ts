/** Bodies of many clients at once, over real connections: each gets its own bytes, and all of them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { after, before, test } from 'node:test'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'

/** Answers with bytes that tell the path's number, whole or as a stream; echoes what it is sent. */
const APP = `export default { fetch(request) {
  if (request.method === 'POST') return request.text().then(text => new Response(text))
  const [, how, number] = new URL(request.url).pathname.split('/')
  const bytes = new Uint8Array(300_000).fill(number)
  if (how === 'whole') return new Response(bytes)
  let sent = 0
  return new Response(new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes.slice(0, 70_001))
      if (++sent === 20) controller.close()
    },
  }))
} }`

let platform: TestPlatform

before(async () => {
  platform = await startTestPlatform()
  await platform.deploy('bodies', APP)
})

after(() => platform[Symbol.asyncDispose]())

/** Reads a response, now and then after a pause; counts the bytes by their values. */
async function read(path: string, pauses: boolean): Promise<Map<number, number>> {
  const port = Number(new URL(platform.running.appsUrl).port)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ port, path, headers: { host: 'bodies.localhost' } }, resolve)
      .on('error', reject)
      .end()
  })
  const counts = new Map<number, number>()
  for await (const chunk of response as AsyncIterable<Buffer>) {
    for (const byte of chunk) counts.set(byte, (counts.get(byte) ?? 0) + 1)
    if (pauses) await new Promise(resolve => setTimeout(resolve, 2))
  }
  return counts
}

test('clients that read at different speeds get their own bytes only', async () => {
  await Promise.all(
    Array.from({ length: 24 }, async (_, index) => {
      const number = index + 1
      const how = index % 3 === 0 ? 'whole' : 'stream'
      const counts = await read(`/${how}/${number}`, index % 2 === 0)

      assert.deepEqual([...counts], [[number, how === 'whole' ? 300_000 : 20 * 70_001]])
    }),
  )
})

test('texts that are echoed at once come back as they went', async () => {
  await Promise.all(
    Array.from({ length: 24 }, async (_, index) => {
      const body = `${index} ü ${'x'.repeat(index * 20_000)}`
      const { text } = await platform.fetch('bodies', '/', { method: 'POST', body })

      assert.equal(text, body)
    }),
  )
})

test('bodies in chunks of one byte arrive whole, and somebody else is answered meanwhile', async () => {
  const text = 'abcdefghij'.repeat(20_000)
  const order: string[] = []

  const long = Array.from({ length: 4 }, async () => {
    assert.equal(await sendBytewise(text), text)
    order.push('long')
  })
  await read('/whole/1', false)
  order.push('short')
  await Promise.all(long)

  assert.equal(order[0], 'short')
})

/** POSTs a body in pieces of one character; the answer's. */
async function sendBytewise(text: string): Promise<string> {
  const port = Number(new URL(platform.running.appsUrl).port)
  const sent = request({ port, method: 'POST', headers: { host: 'bodies.localhost' } })
  for (const character of text) sent.write(character)
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let answer = ''
  for await (const chunk of response.setEncoding('utf8')) answer += chunk
  return answer
}
