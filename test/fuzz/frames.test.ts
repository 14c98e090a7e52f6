import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { RuntimeClient } from '../../src/runtime/client.ts'
import { FrameReader } from '../../src/runtime/frame-reader.ts'
import { FRAME, PAYLOAD_BYTES_MAX, PROTOCOL_VERSION, ProtocolError } from '../../src/runtime/protocol.ts'
import {
  readEnded,
  readJson,
  readLogLine,
  readNotice,
  readStartResult,
  readStats,
} from '../../src/runtime/readers.ts'
import type { RuntimeEvents } from '../../src/runtime/runtime-events.ts'
import { LOG_KINDS, WIRE_LEVELS } from '../../src/sandbox/wire.ts'
import { CountingExchange, failAll, SPEC } from './exchanges.ts'
import { anyJson, bytes, holds } from './property.ts'
import { RUNTIME_FRAMES, RUNTIME_JSON } from './regressions.ts'

interface Frame {
  type: number
  flags: number
  id: number
  payload: Buffer
}

const frames: fc.Arbitrary<Frame> = fc.record({
  type: fc.oneof(fc.constantFrom(...Object.values(FRAME)), fc.nat(255)),
  flags: fc.nat(255),
  // The first stream of a connection, instances, nonsense.
  id: fc.oneof(fc.constantFrom(0, 1, 2, 65_536, 65_537), fc.nat(0xffff_ffff)),
  payload: fc.oneof(
    bytes(64),
    anyJson.map(value => Buffer.from(JSON.stringify(value))),
  ),
})

function encode({ type, flags, id, payload }: Frame): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt32LE(8 + payload.length, 0)
  head[4] = type
  head[5] = flags
  head.writeUInt32LE(id, 8)
  return Buffer.concat([head, payload])
}

/** Frames with body bytes in one piece: where they are cut means nothing. */
function joined(list: readonly Frame[]): Frame[] {
  const all: Frame[] = []
  for (const { type, flags, id, payload } of list) {
    const last = all.at(-1)
    if (type !== FRAME.chunk) all.push({ type, flags, id, payload })
    else if (last?.type === type && last.id === id && last.flags === flags)
      last.payload = Buffer.concat([last.payload, payload])
    else if (payload.length > 0) all.push({ type, flags, id, payload })
  }
  return all
}

suite('the frame decoder', () => {
  test('gives back what was encoded, however it was cut', async () => {
    const input = fc.record({
      list: fc.array(frames, { maxLength: 8 }),
      cuts: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
    })
    await holds(input, { runs: 500 }, ({ list, cuts }) => {
      const all = Buffer.concat(list.map(encode))
      const seen: Frame[] = []
      const reader = new FrameReader((type, flags, id, payload) => {
        seen.push({ type, flags, id, payload: Buffer.from(payload) })
      })
      for (let at = 0, i = 0; at < all.length; i++) {
        const size = cuts[i % cuts.length]!
        reader.push(all.subarray(at, at + size))
        at += size
      }
      assert.deepEqual(joined(seen), joined(list))
    })
  })

  test('reads any bytes or refuses them, and hands out nothing beyond the longest payload', async () => {
    await holds(fc.array(bytes(64, [0, 8, 12, 255]), { maxLength: 6 }), { runs: 1000 }, pieces => {
      const reader = new FrameReader((_type, _flags, _id, payload) => {
        assert.ok(payload.length <= PAYLOAD_BYTES_MAX)
      })
      refuses(() => pieces.forEach(piece => void reader.push(piece)))
    })
  })
})

test('what the readers of JSON frames let through has its type’s shape, whatever comes', async () => {
  const examples = RUNTIME_JSON.map(text => Buffer.from(text))
  const types = ['subrequest', 'limit', 'ok', 'exception', 'exceededCpu']
  const likely = fc.record(
    {
      type: fc.oneof(fc.constantFrom<unknown>(...types), anyJson),
      outcome: fc.oneof(fc.constantFrom<unknown>(...types), anyJson),
      phasesMs: anyJson,
      handlers: anyJson,
      message: anyJson,
      end: anyJson,
      untouched: anyJson,
      instances: anyJson,
      level: anyJson,
    },
    { requiredKeys: [] },
  )
  const payloads = fc.oneof(
    bytes(32),
    fc.oneof(anyJson, likely).map(value => Buffer.from(JSON.stringify(value))),
  )
  await holds(payloads, { runs: 1000, examples }, payload => {
    refuses(() => void readJson(payload))
    for (const read of [readStartResult, readEnded, readNotice, readStats])
      refuses(() => isSound(read(payload)))
  })
})

test('a log line has its type’s shape, or is refused, whatever bytes it comes as', async () => {
  const likely = fc
    .tuple(fc.nat(0xffff_ffff), fc.nat(5), fc.nat(3), fc.double(), fc.string({ unit: 'binary' }))
    .map(([stream, level, kind, time, text]) => {
      const head = Buffer.alloc(16)
      head.writeUInt32LE(stream, 0)
      head.writeUInt32LE(level | (kind << 8), 4)
      head.writeDoubleLE(time, 8)
      return Buffer.concat([head, Buffer.from(text)])
    })
  let read = 0
  await holds(fc.oneof(bytes(32), likely), { runs: 1000 }, payload =>
    refuses(() => {
      const found = readLogLine(payload)
      isSound(found)
      const { stream, line } = found
      read++
      assert.ok(WIRE_LEVELS.includes(line.level) && LOG_KINDS.includes(line.kind))
      assert.ok(stream >= 0 && line.time >= 0 && line.message.length <= payload.length)
    }),
  )
  assert.ok(read > 50, `${read} lines read`)
})

test('a runtime that sends anything at all costs its own connection, and answers no more than was asked', async () => {
  let connected: (socket: Socket) => void = () => {}
  const server = createServer(socket => connected(socket.on('error', () => {})))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const hello = Buffer.from(JSON.stringify({ protocol: PROTOCOL_VERSION, pid: 1 }))
  const response = Buffer.concat([Buffer.from([200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('body')])
  const likely = fc.record({
    type: fc.constantFrom<number>(
      FRAME.response,
      FRAME.chunk,
      FRAME.end,
      FRAME.finished,
      FRAME.failed,
      FRAME.credit,
    ),
    flags: fc.nat(7),
    id: fc.constant(65_536),
    payload: fc.oneof(fc.constant(response), bytes(16)),
  })
  const examples: Frame[][] = [
    ...RUNTIME_JSON.map(text => [{ type: FRAME.hello, flags: 0, id: 0, payload: Buffer.from(text) }]),
    ...RUNTIME_FRAMES.map(list =>
      list.map(([type, flags, id, hex]) => ({ type, flags, id, payload: Buffer.from(hex, 'hex') })),
    ),
  ]

  await holds(fc.array(fc.oneof(frames, likely), { maxLength: 12 }), { runs: 150, examples }, async list => {
    const accepted = new Promise<Socket>(resolve => {
      connected = resolve
    })
    const closed = Promise.withResolvers<void>()
    const connecting = RuntimeClient.connect(
      { host: '127.0.0.1', port },
      { token: '', events: quiet(closed.resolve) },
    )
    const socket = await accepted
    socket.resume()
    socket.write(encode({ type: FRAME.hello, flags: 0, id: 0, payload: hello }))
    const client = await connecting
    const exchange = new CountingExchange('http://a/')
    client.send(1, exchange)
    const pong = client.ping().catch(() => {})
    const started = client.start(2, SPEC, Buffer.alloc(1))

    socket.end(Buffer.concat(list.map(encode)))
    await closed.promise

    await Promise.all([pong, started, exchange.answer])
    assert.equal(client.inFlight, 0)
    assert.ok(exchange.heads <= 1 && exchange.ends <= 1, 'one answer')
  })

  server.close()
})

function quiet(onClosed: () => void): RuntimeEvents {
  return {
    instanceStarted: () => {},
    instanceStuck: () => {},
    instanceEnded: (_instance, _end, failed) => failAll(failed),
    finished() {},
    log() {},
    notice() {},
    catastrophe() {},
    closed(failed) {
      failed.forEach(failAll)
      onClosed()
    },
  }
}

function refuses(read: () => void): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
  }
}

/** Numbers are finite and texts bounded, all the way down: they may be counted and logged. */
function isSound(value: unknown): void {
  if (typeof value === 'number') assert.ok(Number.isFinite(value))
  else if (typeof value === 'string') assert.ok(value.length <= 2 * 65_536)
  else if (typeof value === 'object' && value !== null) Object.values(value).forEach(isSound)
}
