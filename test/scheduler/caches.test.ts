import { test } from 'node:test'
import type { AppConfig } from '../../src/app-config.ts'
import { type EvictionReason, evictionChannel } from '../../src/channels.ts'
import { AppCache, type AppState } from '../../src/scheduler/app-cache.ts'
import { BundleCache } from '../../src/scheduler/bundle-cache.ts'
import { RouteCache } from '../../src/scheduler/route-cache.ts'
import type { AppRecord, RouteRecord } from '../../src/store/store.ts'

const CONFIG: AppConfig = { main: 'main.js', syntax: 'module', compatibilityFlags: [], vars: {}, limits: {} }

function record(name: string, id = 'v1'): AppRecord {
  const version = { app: name, id, number: 1, config: CONFIG, bundleHash: 'h', bundleBytes: 1 }
  return { name, createdAt: 0, version: { ...version, createdAt: 0, active: true } }
}

/** State to read from: apps and routes by host, and how often each was asked for. */
function tables(apps: string[], routes: Record<string, RouteRecord[]> = {}) {
  const reads: string[] = []
  const deployed = new Map(apps.map(name => [name, record(name)]))
  return {
    reads,
    deployed,
    async app(name: string) {
      reads.push(`app ${name}`)
      return deployed.get(name) ?? null
    },
    async routesFor(host: string) {
      reads.push(`routes ${host}`)
      return routes[host] ?? []
    },
    async bundle(hash: string) {
      reads.push(`bundle ${hash}`)
      return hash === 'none' ? null : Buffer.alloc(100, hash)
    },
  }
}

function routeCache(store: ReturnType<typeof tables>, max = 100) {
  return new RouteCache({ store, domain: 'localhost', max, negativeMs: 5000 })
}

test('an app answers at its name under the domain, and routes come first', async t => {
  const routes = { 'hello.localhost': [{ pattern: 'hello.localhost/api/*', app: 'api' }] }
  const cache = routeCache(tables(['hello'], routes))

  t.assert.equal((await cache.find('hello.localhost', '/'))?.app, 'hello')
  t.assert.equal(cache.peek('hello.localhost', '/api/x')?.app, 'api')
  t.assert.equal(await cache.find('other.localhost', '/'), null)
  t.assert.equal(await cache.find('a.hello.localhost', '/'), null)
  t.assert.equal(await cache.find('localhost', '/'), null)
})

test('a host is read once for all who ask, and random paths read nothing', async t => {
  const store = tables(['hello'])
  const cache = routeCache(store)

  await Promise.all([1, 2, 3].map(() => cache.find('hello.localhost', '/')))
  for (let i = 0; i < 100; i++) t.assert.equal(cache.peek('hello.localhost', `/${i}`)?.app, 'hello')

  t.assert.deepEqual(store.reads, ['routes hello.localhost', 'app hello'])
})

test('a flood of unknown hosts, or of a wildcard’s, evicts no known one', async t => {
  const wild = { pattern: '*.wild.test/*', app: 'wild' }
  const routes: Record<string, RouteRecord[]> = {}
  for (let i = 0; i < 50; i++) routes[`${i}.wild.test`] = [wild]
  const cache = routeCache(tables(['hello'], routes), 10)
  await cache.find('hello.localhost', '/')

  for (let i = 0; i < 50; i++) {
    t.assert.equal(await cache.find(`${i}.unknown.test`, '/'), null)
    t.assert.equal((await cache.find(`${i}.wild.test`, '/'))?.app, 'wild')
  }

  t.assert.equal(cache.peek('hello.localhost', '/')?.app, 'hello')
  t.assert.equal(cache.peek('49.unknown.test', '/'), null)
  t.assert.equal(cache.peek('0.unknown.test', '/'), undefined)
})

test('what changes while a host is being read is seen', async t => {
  const store = tables([])
  const cache = routeCache(store)
  const found = cache.find('hello.localhost', '/')

  store.deployed.set('hello', record('hello'))
  cache.clear()

  t.assert.equal((await found)?.app, 'hello')
})

/** A cache whose states tell what becomes of them. */
function appCache(store: ReturnType<typeof tables>, max: number) {
  const retired: string[] = []
  const created: string[] = []
  const cache = new AppCache({
    store,
    max,
    create: ({ name, version }, reason) => {
      created.push(`${name} ${version.id} ${reason}`)
      const pool = { retire: (why: string) => retired.push(`${name} ${why}`) }
      return { name, version, pool } as unknown as AppState
    },
  })
  return { cache, retired, created }
}

test('an app is read once however many ask for it', async t => {
  const store = tables(['a'])
  const { cache, created } = appCache(store, 10)

  const states = await Promise.all(Array.from({ length: 50 }, () => cache.load('a')))

  t.assert.equal(new Set(states).size, 1)
  t.assert.deepEqual(store.reads, ['app a'])
  t.assert.deepEqual(created, ['a v1 first'])
  t.assert.equal(await cache.load('b'), null)
})

test('the least recently used app is retired, and looking at apps is no use', async t => {
  const { cache, retired, created } = appCache(tables(['a', 'b', 'c']), 2)
  const evictions: { app: string; reason: EvictionReason }[] = []
  const listener = (event: { app: string; reason: EvictionReason }) => void evictions.push(event)
  evictionChannel.subscribe(listener)
  t.after(() => evictionChannel.unsubscribe(listener))
  await cache.load('a')
  await cache.load('b')
  cache.get('a')

  t.assert.equal([...cache.values()].length, 2)
  cache.peek('b')
  await cache.load('c')
  await cache.load('b')

  t.assert.deepEqual(retired, ['b evict', 'a evict'])
  t.assert.deepEqual(evictions[0], { app: 'b', reason: 'evict' })
  t.assert.equal(created.at(-1), 'b v1 evicted')
})

test('a redeployed app is read anew, even if it was being read', async t => {
  const store = tables(['a'])
  const { cache, retired, created } = appCache(store, 10)
  await cache.load('a')
  store.deployed.set('a', record('a', 'v2'))
  cache.drop('a', 'redeployed')
  const loading = cache.load('a')
  store.deployed.set('a', record('a', 'v3'))
  cache.drop('a', 'redeployed')

  t.assert.equal((await loading)?.version.id, 'v3')
  t.assert.deepEqual(retired, ['a redeployed'])
  t.assert.deepEqual(created, ['a v1 first', 'a v3 deploy'])
})

test('bundles are kept as far as they fit and read once for all who ask', async t => {
  const store = tables([])
  const cache = new BundleCache(store, 250)

  await Promise.all([cache.get('a', '1'), cache.get('a', '1'), cache.get('z', '1')])
  cache.forget('z')
  await cache.get('b', '2')
  await cache.get('c', '3')
  await cache.get('c', '3')
  await cache.get('a', '1')
  t.assert.equal(await cache.get('d', 'none'), null)

  t.assert.deepEqual(store.reads, ['bundle 1', 'bundle 2', 'bundle 3', 'bundle 1', 'bundle none'])
})

test('of an app one bundle is kept, however often it is deployed', async t => {
  const store = tables([])
  const cache = new BundleCache(store, 250)

  await cache.get('a', '1')
  for (const hash of ['2', '3', '4', '5']) await cache.get('b', hash)
  t.assert.equal(cache.bytes, 200)
  await cache.get('a', '1')
  cache.forget('a')
  await cache.get('a', '1')

  t.assert.deepEqual(store.reads, ['bundle 1', 'bundle 2', 'bundle 3', 'bundle 4', 'bundle 5', 'bundle 1'])
})
