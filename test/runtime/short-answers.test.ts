/** Answers to subrequests: short ones of ASCII enter the isolate with their heads, and no app can tell. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { startRuntime, type TestRuntime } from '../support/runtime.ts'

const BODIES: Record<string, Buffer> = {
  empty: Buffer.alloc(0),
  short: Buffer.from('{"a":1}\n'),
  'with zeros and lines': Buffer.from('one\0two\n\nthree\0'),
  'as long as goes with the head': Buffer.alloc(16_384, 'x'),
  longer: Buffer.alloc(16_385, 'x'),
  'much longer': Buffer.alloc(300_000, 'y'),
  'not ASCII': Buffer.from('Grüße, 東京'),
  'with a byte order mark': Buffer.from('\ufeffmarked'),
  'no UTF-8': Buffer.from([0x66, 0xff, 0xfe, 0x00]),
}

const APP = `const ways = {
  text: async response => [...new TextEncoder().encode(await response.text())],
  bytes: async response => [...await response.bytes()],
  arrayBuffer: async response => [...new Uint8Array(await response.arrayBuffer())],
  blob: async response => [...await (await response.blob()).bytes()],
  clone: async response => [...await response.clone().bytes(), ...await response.bytes()],
  async stream(response) {
    const all = []
    for await (const chunk of response.body) all.push(...chunk)
    return all
  },
  async used(response) {
    const before = response.bodyUsed
    await response.text()
    return [before, response.bodyUsed, await response.text().catch(error => error.name)]
  },
  signal: async response => [...await response.bytes()],
}
export default { async fetch(request, env) {
  const { pathname, searchParams } = new URL(request.url)
  const upstream = env.UPSTREAM + searchParams.get('body')
  const way = pathname.slice(1)
  const answer = await fetch(upstream, way === 'signal' ? { signal: AbortSignal.timeout(60000) } : {})
  if (way === 'passed') return new Response(answer.body, answer)
  const { status, headers, url, redirected, type } = answer
  const head = [status, headers.get('x-name'), url === upstream, redirected, type]
  return Response.json({ head, result: await ways[way](answer) })
} }`

let runtime: TestRuntime
let instance: number
const upstream = createServer((request, response) => {
  const body = BODIES[decodeURIComponent(request.url!.slice(1))]!
  response.setHeader('x-name', 'value')
  response.setHeader('content-length', body.length)
  response.end(body)
})

before(async () => {
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  runtime = await startRuntime()
  const UPSTREAM = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`
  ;({ instance } = await runtime.start(APP, { vars: { UPSTREAM }, limits: { cpuMs: 5000 } }))
})

after(async () => {
  await runtime[Symbol.asyncDispose]()
  upstream.close()
})

async function answer(way: string, body: string) {
  const { failure, body: bytes } = await runtime.fetch(
    instance,
    `http://app.test/${way}?body=${encodeURIComponent(encodeURIComponent(body))}`,
  )
  assert.equal(failure, null)
  return bytes
}

for (const [name, bytes] of Object.entries(BODIES)) {
  test(`a body that is ${name} is the same however it is read`, async () => {
    for (const way of ['bytes', 'arrayBuffer', 'blob', 'stream', 'signal']) {
      const { head, result } = JSON.parse((await answer(way, name)).toString())
      assert.deepEqual(head, [200, 'value', true, false, 'basic'], way)
      assert(bytes.equals(Buffer.from(result)), way)
    }
    const text = JSON.parse((await answer('text', name)).toString()).result
    assert.equal(Buffer.from(text).toString(), new TextDecoder().decode(bytes))
    const clones = JSON.parse((await answer('clone', name)).toString()).result
    assert(Buffer.concat([bytes, bytes]).equals(Buffer.from(clones)))
    assert(bytes.equals(await answer('passed', name)))
    const { result } = JSON.parse((await answer('used', name)).toString())
    assert.deepEqual(result, [false, true, 'TypeError'])
  })
}
