/** What every store keeps of keys and values. */
import { suite, type TestContext } from 'node:test'
import type { Store } from '../../src/store/store.ts'
import { contractOf, type StoreUnderTest } from './store.ts'

export function kvContract({ name, open }: StoreUnderTest) {
  const contract = contractOf(open)

  suite(`${name}: KV`, () => {
    const put = (store: Store, key: string, fields: { metadata?: string; expiresAt?: number } = {}) =>
      store.kvPut('n', key, { value: Buffer.from(`value of ${key}`), ...fields })
    const names = async (store: Store, options: { prefix?: string; after?: string; limit?: number } = {}) =>
      (await store.kvList('n', { limit: 100, ...options })).keys.map(key => key.name)

    contract(
      'a value is there with its metadata, until it is replaced or deleted',
      async (t: TestContext, store, clock) => {
        const expiresAt = clock.now + 60_000
        await store.kvPut('n', 'k', { value: Buffer.from([0, 255, 1]), metadata: '{"a":1}', expiresAt })
        t.assert.deepEqual(await store.kvGet('n', 'k'), {
          value: Buffer.from([0, 255, 1]),
          metadata: '{"a":1}',
          expiresAt,
        })
        t.assert.equal(await store.kvGet('other', 'k'), null)

        await store.kvPut('n', 'k', { value: Buffer.alloc(0) })
        t.assert.deepEqual(await store.kvGet('n', 'k'), { value: Buffer.alloc(0) })

        await store.kvDelete('n', 'k')
        await store.kvDelete('n', 'k')
        t.assert.equal(await store.kvGet('n', 'k'), null)
      },
    )

    contract('any text is a key', async (t: TestContext, store) => {
      for (const key of ['ü/ß', 'a\0b', 'a', '😀', "';--", ' ', '%']) {
        await put(store, key)
        t.assert.equal((await store.kvGet('n', key))?.value.toString(), `value of ${key}`)
      }
    })

    contract(
      'an expired value is neither read nor listed, and is removed by later writes',
      async (t: TestContext, store, clock) => {
        await put(store, 'short', { expiresAt: clock.now + 1000 })
        await put(store, 'long', { expiresAt: clock.now + 5000 })
        await put(store, 'lasting')

        clock.now += 1000

        t.assert.equal(await store.kvGet('n', 'short'), null)
        t.assert.ok(await store.kvGet('n', 'long'))
        t.assert.deepEqual(await names(store), ['lasting', 'long'])
        await put(store, 'other')
        clock.now -= 1000
        t.assert.deepEqual(await names(store), ['lasting', 'long', 'other'])
      },
    )

    contract(
      'keys are listed in order of their UTF-8 bytes, by prefix and page by page',
      async (t: TestContext, store) => {
        const keys = ['', 'a', 'a/1', 'a/2', 'a/😀', 'a/\ufffd', 'a0', 'b']
        for (const key of keys.toReversed()) if (key !== '') await put(store, key)

        t.assert.deepEqual(await names(store), ['a', 'a/1', 'a/2', 'a/\ufffd', 'a/😀', 'a0', 'b'])
        t.assert.deepEqual(await names(store, { prefix: 'a/' }), ['a/1', 'a/2', 'a/\ufffd', 'a/😀'])
        t.assert.deepEqual(await names(store, { prefix: 'a/', after: 'a/1', limit: 2 }), ['a/2', 'a/\ufffd'])
        t.assert.deepEqual(await names(store, { prefix: '\u{10ffff}' }), [])
        t.assert.deepEqual(await names(store, { prefix: 'zz' }), [])
      },
    )

    contract('a page says whether it is the last', async (t: TestContext, store) => {
      await put(store, 'a', { metadata: '1' })
      await put(store, 'b')

      t.assert.deepEqual(await store.kvList('n', { limit: 1 }), {
        keys: [{ name: 'a', metadata: '1' }],
        complete: false,
      })
      t.assert.deepEqual(await store.kvList('n', { limit: 2, after: 'a' }), {
        keys: [{ name: 'b' }],
        complete: true,
      })
    })
  })
}
