import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadSlabs } from '../../src/runtime/read-slabs.ts'

class Reader {
  holdsBytes = true
}

test('a slab is read into again only when nobody holds bytes of it any more', () => {
  const slabs = new ReadSlabs()
  const [fast, slow] = [new Reader(), new Reader()]
  const first = slabs.next()
  assert.equal(slabs.next(), first)

  slabs.lend(slow)
  slabs.lend(fast)
  slabs.lend(slow)
  fast.holdsBytes = false
  const second = slabs.next()
  assert.notEqual(second, first)

  slabs.lend(fast)
  assert.equal(slabs.next(), second)
  slow.holdsBytes = false
  slabs.lend(new Reader())
  assert.equal(slabs.next(), first)
})

test('readers that never let go are given up to the garbage collector, not kept in a list without end', () => {
  const slabs = new ReadSlabs()
  const seen = new Set<Buffer>()
  const readers = Array.from({ length: 100 }, () => new Reader())
  for (const reader of readers) {
    seen.add(slabs.next())
    slabs.lend(reader)
  }
  assert.equal(seen.size, 100)

  for (const reader of readers) reader.holdsBytes = false
  const again = new Set<Buffer>()
  for (let i = 0; i < 100; i++) {
    again.add(slabs.next())
    slabs.lend(new Reader())
  }
  assert.equal([...again].filter(slab => seen.has(slab)).length, 65)
})
