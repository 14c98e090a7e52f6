import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadSlabs } from '../../src/runtime/read-slabs.ts'

class Reader {
  bytesLent = 0
  bytesHeld = 0

  borrow(slabs: ReadSlabs, bytes: number): void {
    slabs.lend(this, bytes)
    this.bytesLent += bytes
    this.bytesHeld += bytes
  }
}

test('a slab is read into again only when nobody holds bytes of it any more', () => {
  const slabs = new ReadSlabs()
  const [fast, slow] = [new Reader(), new Reader()]
  const first = slabs.next()
  assert.equal(slabs.next(), first)

  slow.borrow(slabs, 10)
  fast.borrow(slabs, 10)
  slow.borrow(slabs, 10)
  fast.bytesHeld = 0
  slow.bytesHeld = 5
  const second = slabs.next()
  assert.notEqual(second, first)

  fast.borrow(slabs, 10)
  fast.bytesHeld = 0
  assert.equal(slabs.next(), second)
  slow.bytesHeld = 0
  new Reader().borrow(slabs, 10)
  assert.equal(slabs.next(), first)
})

test('a reader that always holds something gives slabs back as it gets ahead', () => {
  const slabs = new ReadSlabs()
  const reader = new Reader()
  const seen = new Set<Buffer>()
  for (let i = 0; i < 100; i++) {
    seen.add(slabs.next())
    reader.borrow(slabs, 1000)
    reader.bytesHeld = Math.min(reader.bytesHeld, 1500)
  }
  assert.equal(seen.size, 3)
})

test('bytes that a reader was given from elsewhere in between do not end its loan early', () => {
  const slabs = new ReadSlabs()
  const reader = new Reader()
  const slab = slabs.next()
  reader.borrow(slabs, 10)
  reader.bytesLent += 100
  reader.bytesHeld += 100
  reader.borrow(slabs, 10)
  reader.bytesHeld = 10

  assert.notEqual(slabs.next(), slab)
})

test('readers that never let go are given up to the garbage collector, not kept in a list without end', () => {
  const slabs = new ReadSlabs()
  const seen = new Set<Buffer>()
  const readers = Array.from({ length: 100 }, () => new Reader())
  for (const reader of readers) {
    seen.add(slabs.next())
    reader.borrow(slabs, 1)
  }
  assert.equal(seen.size, 100)

  for (const reader of readers) reader.bytesHeld = 0
  const again = new Set<Buffer>()
  for (let i = 0; i < 100; i++) {
    again.add(slabs.next())
    new Reader().borrow(slabs, 1)
  }
  assert.equal([...again].filter(slab => seen.has(slab)).length, 65)
})
