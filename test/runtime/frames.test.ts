import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameReader } from '../../src/runtime/frame-reader.ts'
import { FRAME, PAYLOAD_BYTES_MAX, ProtocolError } from '../../src/runtime/protocol.ts'
import { writerPair } from './writer-pair.ts'

interface Frame {
  type: number
  flags: number
  id: number
  payload: string
}

function frame({ type, flags, id, payload }: Frame): Buffer {
  const body = Buffer.from(payload, 'latin1')
  const bytes = Buffer.alloc(12 + body.length)
  bytes.writeUInt32LE(8 + body.length, 0)
  bytes[4] = type
  bytes[5] = flags
  bytes.writeUInt32LE(id, 8)
  body.copy(bytes, 12)
  return bytes
}

function collect(pieces: Buffer[]): Frame[] {
  const seen: Frame[] = []
  const reader = new FrameReader((type, flags, id, payload) => {
    seen.push({ type, flags, id, payload: payload.toString('latin1') })
  })
  for (const piece of pieces) reader.push(piece)
  return seen
}

const FRAMES: Frame[] = [
  { type: 7, flags: 0, id: 1, payload: '' },
  { type: 10, flags: 3, id: 0xffff_ffff, payload: 'a body' },
  { type: 21, flags: 1, id: 65_537, payload: 'x'.repeat(5000) },
]

test('frames come out the same however the bytes were cut', () => {
  const bytes = Buffer.concat(FRAMES.map(frame))
  for (const size of [1, 2, 3, 5, 11, 12, 13, 100, 4096, bytes.length]) {
    const pieces: Buffer[] = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(Buffer.from(bytes.subarray(at, at + size)))

    assert.deepEqual(collect(pieces), FRAMES, `in pieces of ${size} bytes`)
  }
})

test('body bytes that fill what was read may be given away by whoever gets them', () => {
  const whole = frame({ type: FRAME.chunk, flags: 0, id: 1, payload: 'x'.repeat(300) })
  let seen = 0
  const reader = new FrameReader((_type, _flags, _id, { length, buffer }) => {
    seen += length
    if (length === buffer.byteLength) structuredClone(null, { transfer: [buffer as ArrayBuffer] })
  })
  for (const [from, to] of [
    [0, 100],
    [100, 200],
    [200, 312],
  ])
    reader.push(Buffer.from(new Uint8Array(whole.subarray(from, to)).buffer))

  assert.equal(seen, 300)
})

test('a frame that says it is longer than any may be, or shorter than its head, is refused at once', () => {
  const tooLong = Buffer.alloc(12)
  tooLong.writeUInt32LE(PAYLOAD_BYTES_MAX + 9, 0)
  const tooShort = Buffer.alloc(12)
  tooShort.writeUInt32LE(7, 0)

  assert.throws(() => collect([tooLong]), ProtocolError)
  assert.throws(() => collect([tooShort]), ProtocolError)
})

test('what a writer gathers in one turn arrives as it was written, long bodies in pieces', async () => {
  const { reader, writer, close } = await writerPair()
  const big = Buffer.alloc(200_000, 'z')

  writer.json(2, 0, 5, { app: 'é' })
  writer.bytes(10, 6, big)
  writer.credit(6, 70_000)

  const seen: Frame[] = []
  let bytes = 0
  await new Promise<void>(resolve => {
    const frames = new FrameReader((type, flags, id, payload) => {
      seen.push({ type, flags, id, payload: payload.toString('utf8') })
      if (type === 10) bytes += payload.length
      if (type === 12) resolve()
    })
    reader.on('data', chunk => frames.push(chunk as Buffer))
  })
  assert.equal(seen[0]!.payload, '{"app":"é"}')
  assert.equal(bytes, big.length)
  assert.equal(seen.at(-1)!.id, 6)
  close()
})

test('small pieces of one body leave as one frame, and never run into another', async () => {
  const { reader, writer, close } = await writerPair()

  for (let i = 0; i < 1000; i++) writer.bytes(10, 6, Buffer.from('x'))
  writer.bytes(10, 7, Buffer.from('y'))
  writer.bytes(11, 7, Buffer.from('y'))
  writer.bytes(10, 7, Buffer.from('y'))

  const seen: string[] = []
  await new Promise<void>(resolve => {
    const frames = new FrameReader((type, _flags, id, payload) => {
      if (seen.push(`${type} ${id} ${payload.length}`) === 4) resolve()
    })
    reader.on('data', chunk => frames.push(chunk as Buffer))
  })
  assert.deepEqual(seen, ['10 6 1000', '10 7 1', '11 7 1', '10 7 1'])
  close()
})

test('a peer that never reads is given up once a bounded backlog waits for it', async () => {
  const { socket, writer, close } = await writerPair({ backlogBytesMax: 2 ** 20 })
  const failed = new Promise<Error>(resolve => socket.once('error', resolve))

  for (let sent = 0; !socket.destroyed && sent < 2 ** 28; sent += 60_000) {
    writer.bytes(10, 6, Buffer.alloc(60_000))
    await new Promise(resolve => setImmediate(resolve))
  }

  assert.match((await failed).message, /^the peer has left \d+ bytes unread$/)
  close()
})
