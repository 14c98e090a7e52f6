/** Bodies on their way into an isolate that wants them whole. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { Body } from '../../src/runtime/bodies.ts'
import { BODY_WINDOW } from '../../src/runtime/protocol.ts'
import { startRuntime, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

const PART_BYTES = 2 ** 20

class Collected<T extends ArrayBuffer | string> {
  readonly parts: T[] = []
  /** Bytes that the sender may have sent. */
  allowed = BODY_WINDOW
  sent = 0
  /** Bytes that lie in the body, and lay there at most. */
  held = 0
  heldMost = 0
  #isAll = false

  /** Has a body of these bytes, which come in these pieces, handed over. */
  constructor(how: 'bytes' | 'text', chunks: readonly Buffer[]) {
    const body = new Body(
      {
        credit: bytes => {
          this.allowed += bytes
        },
        cancel: () => assert.fail('cancelled'),
      },
      bytes => {
        this.held += bytes
        this.heldMost = Math.max(this.heldMost, this.held)
      },
    )
    const pull = () => {
      const told = this.parts.length
      body.pull(how, {
        chunk: () => assert.fail('a chunk'),
        end: () => assert.fail('an end without a part'),
        broken: reason => assert.fail(reason),
        collected: (value, isAll) => {
          this.parts.push(value as T)
          this.#isAll = isAll
        },
      })
      return this.parts.length > told
    }
    pull()
    for (const chunk of chunks) {
      const told = this.parts.length
      this.sent += chunk.length
      assert(this.sent <= this.allowed, 'more is asked for as it comes')
      body.push(Buffer.from(chunk))
      if (this.parts.length > told) pull()
    }
    assert(!this.#isAll)
    body.end()
    assert(this.#isAll && this.held === 0)
  }
}

test('a long body comes in parts, and hardly more than one of them lies here', () => {
  const { parts, heldMost } = new Collected<ArrayBuffer>('bytes', Array(100).fill(Buffer.alloc(100_000, 'x')))
  const lengths = parts.map(part => part.byteLength)
  assert.equal(
    lengths.reduce((sum, length) => sum + length),
    10_000_000,
  )
  assert(Math.max(...lengths) < PART_BYTES + 100_000)
  assert(heldMost < PART_BYTES + 100_000)
})

test('its sender is asked for each byte once, however it is cut', () => {
  const chunks = Array(60).fill(Buffer.from('あいう'.repeat(5000)))
  const { allowed, sent } = new Collected<string>('text', chunks)
  assert(allowed <= BODY_WINDOW + sent, `${allowed} asked for, ${sent} sent`)
})

test('text is the same wherever its parts are cut, malformed or not', () => {
  const bytes = fc.constantFrom(
    0x41,
    0x80,
    0xbf,
    0xbb,
    0xc3,
    0xe3,
    0x81,
    0x82,
    0xef,
    0xf0,
    0x9f,
    0x98,
    0x80,
    0xff,
  )
  const pieces = fc.array(fc.array(bytes, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(pieces, fc.nat(6), fc.boolean(), (ends, short, hasMark) => {
      const mark = Buffer.from(hasMark ? '\uFEFF' : '')
      const filler = Array(8).fill(Buffer.alloc(PART_BYTES / 8, 'x'))
      filler[0] = Buffer.concat([mark, filler[0].subarray(short + mark.length)])
      const chunks = [...filler, ...ends.map(end => Buffer.from(end)), ...filler]
      const { parts } = new Collected<string>('text', chunks)
      const expected = new TextDecoder().decode(Buffer.concat(chunks))
      assert(parts.join('') === expected, 'not the text that TextDecoder makes of it')
    }),
    { numRuns: 200 },
  )
})

const READER = `export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    const headers = searchParams.has('length') ? { 'content-length': searchParams.get('length') } : {}
    const body = new Response(request.body, { headers })
    if (pathname === '/text') return new Response(await body.text())
    if (pathname === '/bytes') return new Response(await body.arrayBuffer())
    return new Response('nothing to read', { status: 404 })
  },
}`

test('an app gets long bodies whole, whatever their length was said to be', async () => {
  const { instance } = await runtime.start(READER)
  const body = Buffer.from(`\uFEFF${'an あ and a 😀 '.repeat(400_000)}`)
  const read = async (path: string) =>
    (await runtime.fetch(instance, `http://app.test${path}`, { body })).body
  assert(body.subarray(3).equals(await read('/text')))
  for (const query of [
    '',
    `?length=${body.length}`,
    '?length=1500000',
    '?length=60000000',
    '?length=1e300',
    '?length=-1',
  ])
    assert(body.equals(await read(`/bytes${query}`)), query)
})

test('long bodies that an app sends with fetch arrive whole, with their lengths', async () => {
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray()
    response.setHeader('x-length', String(request.headers['content-length']))
    response.end(Buffer.concat(chunks))
  }).listen(0)
  await once(server, 'listening')
  const { instance } = await runtime.start(`export default {
    async fetch(request) {
      const body = request.url.endsWith('/text') ? 'an あ and a 😀 '.repeat(200_000) : new Uint8Array(3_000_000).fill(7)
      return fetch('http://127.0.0.1:${(server.address() as AddressInfo).port}/', { method: 'PUT', body })
    },
  }`)
  for (const [path, expected] of [
    ['/text', Buffer.from('an あ and a 😀 '.repeat(200_000))],
    ['/bytes', Buffer.alloc(3_000_000, 7)],
  ] as const) {
    const { body, headers } = await runtime.fetch(instance, `http://app.test${path}`)
    assert(body.equals(expected), path)
    assert.equal(headers[headers.indexOf('x-length') + 1], String(expected.length))
  }
  server.close()
  server.closeAllConnections()
})
