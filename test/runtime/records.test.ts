import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeText, readRecords, Texts, Violation } from '../../src/runtime/records.ts'
import { CALL_RECORDS, RECORD_HEADER_BYTES } from '../../src/sandbox/wire.ts'

test('records come out with their ids and payloads', () => {
  const outbox = Buffer.alloc(64)
  outbox.writeUInt32LE(9 | (5 << 8), 0)
  outbox.writeUInt32LE(7, 4)
  outbox.write('hello', 8)
  outbox.writeUInt32LE(3, 16)
  outbox.writeUInt32LE(8, 20)
  const seen: unknown[] = []

  readRecords(outbox, 24, (type, id, payload) => seen.push([type, id, payload.toString()]))

  assert.deepEqual(seen, [
    [9, 7, 'hello'],
    [3, 8, ''],
  ])
})

test('more records than one call may bring are refused', () => {
  const outbox = Buffer.alloc((CALL_RECORDS + 1) * RECORD_HEADER_BYTES)
  for (let at = 0; at < outbox.length; at += RECORD_HEADER_BYTES) outbox.writeUInt32LE(9, at)
  let seen = 0
  const count = () => {
    seen++
  }
  readRecords(outbox, outbox.length - RECORD_HEADER_BYTES, count)
  assert.equal(seen, CALL_RECORDS)
  assert.throws(() => readRecords(outbox, outbox.length, count), Violation)
})

test('an outbox of arbitrary bytes is read or refused, and never read beyond its end', () => {
  let state = 12345
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return state >>> 8
  }
  for (let round = 0; round < 5000; round++) {
    const outbox = Buffer.from(Array.from({ length: random() % 64 }, () => random() & (round % 2 ? 0xff : 3)))
    try {
      readRecords(outbox, random() % 80, (_type, _id, payload) => {
        assert(payload.byteOffset + payload.length <= outbox.byteOffset + outbox.length)
      })
    } catch (error) {
      assert(error instanceof Violation)
    }
  }
})

test('texts are cut where their lengths say, and forged lengths are refused', () => {
  const texts = new Texts('2:ab0:3:c:d')

  assert.deepEqual([texts.next(), texts.next(), texts.next()], ['ab', '', 'c:d'])
  for (const forged of ['', '5:ab', 'x:ab', '-1:a', '1e9:a', 'ab']) {
    assert.throws(() => new Texts(forged).next(), Violation, forged)
  }
})

test('text is encoded as UTF-8, a lone surrogate as U+FFFD', () => {
  assert.equal(encodeText('plain').toString(), 'plain')
  assert.equal(encodeText('né 🎈').toString(), 'né 🎈')
  assert.equal(encodeText('a\ud800b').toString(), 'a\ufffdb')
})
