/** Apps whose requests and responses go over one connection: who has much to send does not keep the others waiting. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { after, before, test } from 'node:test'
import { RequestBody } from '../../src/proxy/request-body.ts'
import { FrameReader } from '../../src/runtime/frame-reader.ts'
import { FRAME } from '../../src/runtime/protocol.ts'
import type { DispatchedExchange } from '../../src/scheduler/dispatch.ts'
import { startRuntime, TestExchange, type TestRuntime } from '../support/runtime.ts'
import { writerPair } from './writer-pair.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

/** What others may have before it, of a connection's bytes: a call's, what makes the connection full, the kernel's. */
const AHEAD_BYTES_MAX = 4 * 2 ** 20
const QUICK = `export default { fetch: () => new Response('quick') }`

/** Keeps this process, which reads what comes from the runtime, from doing so for a while. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Bytes that came from many long answers of the app before a neighbour's short one that was asked for after them. */
async function bytesAhead(source: string, requests: number): Promise<number> {
  const { instance } = await runtime.start(source)
  const { instance: neighbour } = await runtime.start(QUICK)
  let bytes = 0
  const long = Array.from({ length: requests }, () => {
    const exchange = new TestExchange('http://app.test/')
    exchange.onData = chunk => {
      if (bytes === 0) stall(300)
      bytes += chunk.length
    }
    runtime.client.send(instance, exchange)
    return exchange
  })
  while (bytes === 0) await new Promise(setImmediate)
  const quick = await runtime.fetch(neighbour, 'http://app.test/')
  const ahead = bytes
  assert.equal(quick.body.toString(), 'quick')
  for (const exchange of long) assert.equal((await exchange.answer).failure, null)
  return ahead
}

test('a short answer does not wait behind the long ones of a neighbour', async () => {
  const texts = await bytesAhead(
    `const text = 'あ'.repeat(131_072)
    export default { fetch: () => new Response(text) }`,
    100,
  )
  assert(texts < AHEAD_BYTES_MAX, `${texts} bytes of texts`)
  const bytes = await bytesAhead(
    `const bytes = new Uint8Array(250_000)
    export default { fetch: () => new Response(bytes) }`,
    100,
  )
  assert(bytes < AHEAD_BYTES_MAX, `${bytes} bytes`)
})

test('nor behind bodies that a neighbour only passes on', async () => {
  const upstream = createServer((_request, response) => response.end(Buffer.alloc(250_000))).listen(0)
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  const piped = await bytesAhead(`export default { fetch: () => fetch('http://127.0.0.1:${port}/') }`, 100)
  upstream.close()
  upstream.closeAllConnections()
  assert(piped < AHEAD_BYTES_MAX, `${piped} bytes`)
})

test('bodies of requests wait for a runtime that does not read, and come in order once it does', async () => {
  const { reader, socket, writer, close } = await writerPair()
  reader.pause()
  const bodies = Array.from({ length: 100 }, (_, stream) => {
    const client = {
      room: writer,
      sendBody: (_exchange: unknown, chunk: Buffer) => writer.bytes(FRAME.chunk, stream, chunk),
      endBody: () => writer.frame(FRAME.end, 0, stream, 0),
    }
    const exchange = { link: { client }, dispatch: { inputAt: 0 } } as unknown as DispatchedExchange
    const source = new PassThrough({ highWaterMark: 2 ** 20 })
    new RequestBody(
      exchange,
      { request: source, socket },
      { bytesMax: Infinity, onTooLong: assert.fail },
    ).start(262_144)
    for (let piece = 0; piece < 5; piece++) source.write(Buffer.alloc(50_000, piece))
    source.end()
    return Buffer.alloc(250_000, 0xff)
  })
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
  assert(writer.isFull)
  assert(socket.writableLength < 2 ** 20, `${socket.writableLength} bytes wait`)

  const had = bodies.map(() => 0)
  let ended = 0
  await new Promise<void>(resolve => {
    const frames = new FrameReader((type, _flags, stream, payload) => {
      if (type === FRAME.end && ++ended === bodies.length) resolve()
      if (type === FRAME.chunk) had[stream]! += payload.copy(bodies[stream]!, had[stream]!)
    })
    reader.on('data', chunk => frames.push(chunk as Buffer)).resume()
  })
  close()
  assert(had.every(bytes => bytes === 250_000))
  for (const bytes of bodies) assert(bytes.every((byte, at) => byte === Math.floor(at / 50_000)))
})

test('small pieces of a body that have to wait keep their place before what comes behind them', async () => {
  const sent: Buffer[] = []
  let roomy = () => {}
  const room = {
    isFull: true,
    whenRoom(callback: () => void) {
      roomy = callback
    },
  }
  const client = {
    room,
    sendBody: (_exchange: unknown, chunk: Buffer) => sent.push(chunk),
    endBody: () => {},
  }
  const exchange = { link: { client }, dispatch: { inputAt: 0 } } as unknown as DispatchedExchange
  const source = new PassThrough({ highWaterMark: 2 ** 20 })
  const socket = new Socket()
  const body = new RequestBody(
    exchange,
    { request: source, socket },
    { bytesMax: Infinity, onTooLong: assert.fail },
  )
  body.start(262_144)
  const pieces = Array.from({ length: 100 }, (_, at) => Buffer.alloc(10, at))
  const all = [...pieces, Buffer.alloc(50_000, 200), ...pieces]

  for (const piece of all) source.emit('data', piece)
  await new Promise(setImmediate)
  assert.deepEqual(sent, [])
  room.isFull = false
  roomy()

  assert.deepEqual(Buffer.concat(sent), Buffer.concat(all))
})
