import { type TestContext, test } from 'node:test'
import { Entries, type Entry } from '../../src/cache/entries.ts'

function setUp() {
  const clock = { now: 0 }
  const evicted: string[] = []
  const entries = new Entries({
    now: () => clock.now,
    bytesMax: 100_000,
    appBytesMax: 60_000,
    onEvicted: app => evicted.push(app),
  })
  return { clock, evicted, entries }
}

function entry(bodyBytes: number): Entry {
  const body = [Buffer.alloc(bodyBytes)]
  return { status: 200, statusText: '', headers: [], body, bodyBytes, storedAt: 0, expiresAt: 1000 }
}

test('an entry is there until it is stale, and for its app only', (t: TestContext) => {
  const { clock, entries } = setUp()
  entries.set('a', 'key', entry(10))

  t.assert.equal(entries.get('a', 'key')?.bodyBytes, 10)
  t.assert.equal(entries.get('b', 'key'), null)
  clock.now = 1000
  t.assert.equal(entries.get('a', 'key'), null)
  t.assert.equal(entries.bytes, 0)
})

test('an app that wants more than its share gives its own oldest entries for it', (t: TestContext) => {
  const { entries, evicted } = setUp()
  entries.set('b', 'calm', entry(1000))
  for (let i = 0; i < 10; i++) entries.set('a', `key ${i}`, entry(10_000))

  t.assert.notEqual(entries.get('b', 'calm'), null)
  t.assert.equal(entries.get('a', 'key 0'), null)
  t.assert.notEqual(entries.get('a', 'key 9'), null)
  t.assert.deepEqual(new Set(evicted), new Set(['a']))
})

test('when all is full the app that holds the most gives way, and what was dropped is free again', (t: TestContext) => {
  const { entries, evicted } = setUp()
  for (let i = 0; i < 5; i++) entries.set('large', `key ${i}`, entry(10_000))
  for (let i = 0; i < 4; i++) entries.set('other', `key ${i}`, entry(10_000))
  entries.set('new', 'key', entry(10_000))

  t.assert.deepEqual(evicted, ['large'])
  t.assert.ok(entries.bytes <= 100_000)
  for (const app of ['large', 'other', 'new']) entries.drop(app)
  t.assert.equal(entries.bytes, 0)
})

test('an entry that is larger than an app’s share is not kept, and neither is the one it was to replace', (t: TestContext) => {
  const { entries } = setUp()
  entries.set('a', 'key', entry(10))

  t.assert.equal(entries.set('a', 'key', entry(70_000)), false)
  t.assert.equal(entries.get('a', 'key'), null)
  t.assert.equal(entries.bytes, 0)
})
