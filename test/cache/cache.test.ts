/** The thread of the cache, asked as a runtime asks it. */
import { test } from 'node:test'
import { ResponseCache } from '../../src/cache/cache.ts'
import { CacheClient } from '../../src/runtime/cache-client.ts'
import { Cancellation } from '../../src/runtime/cancellation.ts'
import { CACHE_DONE, CACHE_MISS } from '../../src/sandbox/wire.ts'
import { until } from '../scheduler/setup.ts'

const CONFIG = { cacheMb: 64, cacheAppMb: 64, cacheEntryBytesMax: 2 ** 20 }
const HEAD = ['cache-control', 'max-age=60']

function question(method: string, { app = 'app', path = '/', headers = HEAD, body = '' } = {}) {
  const url = `https://cached.test${path}`
  const signal = new Cancellation()
  return {
    app,
    method,
    url,
    headers,
    redirect: 'manual' as const,
    body: body ? Buffer.from(body) : null,
    signal,
  }
}

test('nothing runs until somebody knocks, and runtimes that knock together find one cache', async t => {
  await using cache = await ResponseCache.open({ config: CONFIG })
  const clients = await Promise.all([CacheClient.open(cache.address), CacheClient.open(cache.address)])

  const put = await clients[0]!.fetch(question('PUT', { body: 'kept' }))
  const found = await clients[1]!.fetch(question('GET'))
  await until(() => cache.bytes > 0)
  await cache.drop('app')
  const dropped = await clients[1]!.fetch(question('GET'))

  t.assert.deepEqual([put.status, found.status, dropped.status], [CACHE_DONE, 200, CACHE_MISS])
})

test('what a deleted app kept no longer counts, though nobody asks for anything', async t => {
  await using cache = await ResponseCache.open({ config: CONFIG })
  const client = await CacheClient.open(cache.address)
  await client.fetch(question('PUT', { body: 'kept' }))
  await until(() => cache.bytes > 0)
  await cache.drop('app')

  await until(() => cache.bytes === 0)
  t.assert.equal(cache.bytes, 0)
})

test('a thread that runs out of memory is replaced by an empty one, to which the same clients find', async t => {
  await using cache = await ResponseCache.open({ config: CONFIG, heapMb: 24 })
  const client = await CacheClient.open(cache.address)
  const padded = [...HEAD, 'x-padding', 'p'.repeat(50_000)]

  let failure: unknown = null
  for (let i = 0; i < 2000 && failure === null; i++) {
    await client.fetch(question('PUT', { path: `/${i}`, headers: padded })).catch(error => {
      failure = error
    })
  }
  let again: { status: number } | null = null
  for (const giveUpAt = performance.now() + 30_000; again === null && performance.now() < giveUpAt; ) {
    again = await client.fetch(question('PUT')).catch(() => null)
  }

  t.assert.notEqual(failure, null)
  t.assert.equal(again?.status, CACHE_DONE)
  t.assert.equal((await client.fetch(question('GET', { path: '/0' }))).status, CACHE_MISS)
})

test('who comes when the cache has closed is told so', async t => {
  const cache = await ResponseCache.open({ config: CONFIG })
  const { address } = cache
  await cache[Symbol.asyncDispose]()

  await t.assert.rejects(CacheClient.open(address), /ENOENT|ECONNREFUSED/)
})
