/**
 * What every `Store` must do: one suite, run unchanged against each. `open` gives an empty store whose clock is
 * `now`; the suite disposes it.
 */
import { suite, type TestContext, test } from 'node:test'
import type { AppConfig } from '../../src/app-config.ts'
import { bundleHash } from '../../src/bundle.ts'
import { type Deployment, ROUTES_PER_HOST_MAX, type Store, VERSIONS_KEPT } from '../../src/store/store.ts'

export interface StoreUnderTest {
  name: string
  open(t: TestContext, now: () => number): Promise<Store>
}

export const CONFIG: AppConfig = {
  main: 'index.js',
  syntax: 'module',
  compatibilityDate: '2026-01-31',
  compatibilityFlags: [],
  vars: { GREETING: 'hello', NESTED: { a: [1, null, 'ü'] } },
  limits: { cpuMs: 50 },
}

export function deployment(app: string, fields: Partial<Deployment> = {}): Deployment {
  return { app, config: CONFIG, bundle: Buffer.from(`bundle of ${app}`), routes: [], ...fields }
}

/** Makes the function that runs one sentence of the contract on a store of its own. */
export function contractOf(open: StoreUnderTest['open']) {
  return (title: string, check: (t: TestContext, store: Store, clock: { now: number }) => Promise<void>) =>
    test(title, async (t: TestContext) => {
      const clock = { now: 1_700_000_000_000 }
      await using store = await open(t, () => clock.now)
      await check(t, store, clock)
    })
}

export function storeContract({ name, open }: StoreUnderTest) {
  const contract = contractOf(open)

  suite(`${name}: apps and versions`, () => {
    contract(
      'a deployed app is there with its version, configuration and bundle',
      async (t: TestContext, store, clock) => {
        const version = await store.deploy(deployment('hello', { message: 'first' }))

        t.assert.deepEqual(version, {
          app: 'hello',
          id: version.id,
          number: 1,
          config: CONFIG,
          bundleHash: bundleHash(Buffer.from('bundle of hello')),
          bundleBytes: 15,
          createdAt: clock.now,
          active: true,
          message: 'first',
        })
        t.assert.match(version.id, /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/)
        t.assert.deepEqual(await store.app('hello'), { name: 'hello', version, createdAt: clock.now })
        t.assert.deepEqual(await store.versions('hello'), [version])
        t.assert.equal((await store.bundle(version.bundleHash))?.toString(), 'bundle of hello')
      },
    )

    contract('what is not there is null or empty', async (t: TestContext, store) => {
      t.assert.equal(await store.app('nobody'), null)
      t.assert.equal(await store.bundle('0'.repeat(64)), null)
      t.assert.deepEqual(await store.versions('nobody'), [])
      t.assert.deepEqual(await store.apps(), [])
      t.assert.equal(await store.appCount(), 0)
      t.assert.equal(await store.deleteApp('nobody'), false)
      t.assert.equal(await store.deleteRoute('a.test/*'), null)
    })

    contract('a bundle of many megabytes comes back byte by byte', async (t: TestContext, store) => {
      const bundle = Buffer.alloc(3 * 2 ** 20 + 17)
      for (let i = 0; i < bundle.length; i += 4093) bundle[i] = i % 251

      const { bundleHash: hash, bundleBytes } = await store.deploy(deployment('large', { bundle }))

      t.assert.equal(hash, bundleHash(bundle))
      t.assert.equal(bundleBytes, bundle.length)
      t.assert.ok((await store.bundle(hash))?.equals(bundle))
    })

    contract(
      'versions are numbered from 1, newest first, and the newest is active',
      async (t: TestContext, store, clock) => {
        const first = await store.deploy(deployment('a'))
        clock.now += 1000
        const second = await store.deploy(deployment('a', { bundle: Buffer.from('two') }))

        t.assert.deepEqual(await store.versions('a'), [second, { ...first, active: false }])
        const app = await store.app('a')
        t.assert.equal(app?.version.id, second.id)
        t.assert.equal(app?.createdAt, first.createdAt)
      },
    )

    contract('an older version can be made active again', async (t: TestContext, store) => {
      const first = await store.deploy(deployment('a'))
      await store.deploy(deployment('a', { bundle: Buffer.from('two') }))

      t.assert.deepEqual(await store.activate('a', first.id), first)

      t.assert.equal((await store.app('a'))?.version.id, first.id)
      t.assert.deepEqual(
        (await store.versions('a')).map(version => version.active),
        [false, true],
      )
      t.assert.equal((await store.deploy(deployment('a'))).number, 3)
    })

    contract('a version of another app, or none, cannot be made active', async (t: TestContext, store) => {
      await store.deploy(deployment('a'))
      const other = await store.deploy(deployment('b'))

      await t.assert.rejects(store.activate('a', other.id), { code: 'VERSION_NOT_FOUND' })
      await t.assert.rejects(store.activate('a', 'nonsense'), { code: 'VERSION_NOT_FOUND' })
    })

    contract(
      'old versions go, the active one stays, and so does a bundle that another app has',
      async (t: TestContext, store) => {
        const shared = Buffer.from('shared')
        const first = await store.deploy(deployment('a', { bundle: shared }))
        const second = await store.deploy(deployment('a', { bundle: Buffer.from('old') }))
        await store.deploy(deployment('b', { bundle: shared }))

        for (let i = 0; i < VERSIONS_KEPT + 1; i++)
          await store.deploy(deployment('a', { bundle: Buffer.from(`v${i}`) }))

        const numbers = (await store.versions('a')).map(version => version.number)
        t.assert.deepEqual(
          numbers,
          Array.from({ length: VERSIONS_KEPT + 1 }, (_, i) => VERSIONS_KEPT + 3 - i),
        )
        t.assert.equal(await store.bundle(second.bundleHash), null)
        t.assert.ok(await store.bundle(first.bundleHash))
      },
    )

    contract('a version that is active again outlives newer ones', async (t: TestContext, store) => {
      const first = await store.deploy(deployment('a'))
      for (let i = 0; i < VERSIONS_KEPT; i++)
        await store.deploy(deployment('a', { bundle: Buffer.from(`v${i}`) }))
      await store.activate('a', first.id)

      t.assert.equal((await store.versions('a')).length, VERSIONS_KEPT + 1)
      t.assert.ok(await store.bundle(first.bundleHash))
    })

    contract(
      'a deleted app leaves nothing, and starts at version 1 if it comes again',
      async (t: TestContext, store) => {
        const { bundleHash: hash } = await store.deploy(deployment('a', { routes: ['a.test/*'] }))

        t.assert.equal(await store.deleteApp('a'), true)

        t.assert.equal(await store.app('a'), null)
        t.assert.deepEqual(await store.versions('a'), [])
        t.assert.deepEqual(await store.routesFor('a.test'), [])
        t.assert.equal(await store.bundle(hash), null)
        t.assert.equal(await store.appCount(), 0)
        t.assert.equal((await store.deploy(deployment('a'))).number, 1)
      },
    )

    contract('apps are listed in order of name, page by page', async (t: TestContext, store) => {
      for (const app of ['c', 'a', 'b-1', 'b']) await store.deploy(deployment(app))

      t.assert.deepEqual(
        (await store.apps()).map(app => app.name),
        ['a', 'b', 'b-1', 'c'],
      )
      t.assert.deepEqual(
        (await store.apps({ after: 'a', limit: 2 })).map(app => app.name),
        ['b', 'b-1'],
      )
      t.assert.equal(await store.appCount(), 4)
    })

    contract(
      'the generation rises with every change and with nothing else',
      async (t: TestContext, store) => {
        const changes: (() => Promise<unknown>)[] = [
          () => store.deploy(deployment('a')),
          () => store.deploy(deployment('a')),
          async () => store.activate('a', (await store.versions('a')).at(-1)!.id),
          () => store.addRoute({ pattern: 'a.test/*', app: 'a' }),
          () => store.deleteRoute('a.test/*'),
          () => store.deleteApp('a'),
        ]
        for (const change of changes) {
          const before = await store.generation()
          await change()
          t.assert.ok((await store.generation()) > before, String(change))
        }
        const idle = await store.generation()
        await store.app('a')
        await store.deleteApp('a')
        await store.deleteRoute('a.test/*')
        await store.kvPut('n', 'k', { value: Buffer.from('v') })
        t.assert.equal(await store.generation(), idle)
      },
    )

    contract(
      'many deploys at once all arrive, each with a number of its own',
      async (t: TestContext, store) => {
        const versions = await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            store.deploy(deployment('a', { bundle: Buffer.from(`${i % 3}`) })),
          ),
        )

        const numbers = versions.map(version => version.number).sort((a, b) => a - b)
        t.assert.deepEqual(
          numbers,
          Array.from({ length: 20 }, (_, i) => i + 1),
        )
        t.assert.deepEqual(
          (await store.versions('a')).filter(version => version.active).map(version => version.number),
          [20],
        )
      },
    )
  })

  suite(`${name}: routes`, () => {
    contract('a deploy adds its routes to those that the app has', async (t: TestContext, store) => {
      await store.deploy(deployment('a', { routes: ['b.test/*', 'a.test/x*'] }))
      await store.deploy(deployment('a', { routes: ['a.test/*', 'b.test/*'] }))

      const patterns = ['a.test/*', 'a.test/x*', 'b.test/*']
      t.assert.deepEqual(
        await store.routes({ app: 'a' }),
        patterns.map(pattern => ({ pattern, app: 'a' })),
      )
    })

    contract(
      'a deploy that asks for another app’s route changes nothing at all',
      async (t: TestContext, store) => {
        await store.deploy(deployment('owner', { routes: ['a.test/*'] }))
        const generation = await store.generation()

        const refused = store.deploy(deployment('late', { routes: ['b.test/*', 'a.test/*'] }))

        await t.assert.rejects(refused, {
          code: 'ROUTE_TAKEN',
          message: /a\.test\/\* belongs to app "owner"/,
        })
        t.assert.equal(await store.app('late'), null)
        t.assert.equal((await store.routes()).length, 1)
        t.assert.equal(await store.generation(), generation)
      },
    )

    contract(
      'a refused change does not disturb those that were made at the same time',
      async (t: TestContext, store) => {
        await store.deploy(deployment('owner', { routes: ['a.test/*'] }))

        const results = await Promise.allSettled([
          store.deploy(deployment('b')),
          store.deploy(deployment('c', { routes: ['a.test/*'] })),
          store.deploy(deployment('d')),
        ])

        t.assert.deepEqual(
          results.map(result => result.status),
          ['fulfilled', 'rejected', 'fulfilled'],
        )
        t.assert.deepEqual(
          (await store.apps()).map(app => app.name),
          ['b', 'd', 'owner'],
        )
        t.assert.equal(await store.appCount(), 3)
      },
    )

    contract(
      'routesFor finds exact hosts, the wildcards above them, and nothing else',
      async (t: TestContext, store) => {
        const matching = [
          'x.a.test/*',
          'x.a.test/y',
          '*x.a.test/*',
          '*.a.test/*',
          '*a.test/z',
          '*.test/*',
          '*/*',
        ]
        const others = ['a.test/*', 'y.a.test/*', '*.x.a.test/*', '*.b.test/*', 'test/*', '*.xa.test/*']
        await store.deploy(deployment('a', { routes: [...matching, ...others] }))

        const found = await store.routesFor('x.a.test')

        t.assert.deepEqual(found.map(route => route.pattern).sort(), matching.sort())
      },
    )

    contract('routes are added and deleted one by one', async (t: TestContext, store) => {
      await store.deploy(deployment('a'))
      await store.deploy(deployment('b'))

      await store.addRoute({ pattern: 'a.test/*', app: 'a' })
      await store.addRoute({ pattern: 'a.test/*', app: 'a' })
      await t.assert.rejects(store.addRoute({ pattern: 'a.test/*', app: 'b' }), { code: 'ROUTE_TAKEN' })
      await t.assert.rejects(store.addRoute({ pattern: 'c.test/*', app: 'nobody' }), {
        code: 'APP_NOT_FOUND',
      })

      t.assert.deepEqual(await store.routes(), [{ pattern: 'a.test/*', app: 'a' }])
      t.assert.deepEqual(await store.deleteRoute('a.test/*'), { pattern: 'a.test/*', app: 'a' })
      t.assert.equal(await store.deleteRoute('a.test/*'), null)
      t.assert.deepEqual(await store.routesFor('a.test'), [])
    })

    contract('routes are listed in order of pattern, page by page', async (t: TestContext, store) => {
      await store.deploy(deployment('a', { routes: ['c.test/*', 'a.test/*'] }))
      await store.deploy(deployment('b', { routes: ['b.test/*'] }))

      t.assert.deepEqual(
        (await store.routes({ limit: 2 })).map(route => route.pattern),
        ['a.test/*', 'b.test/*'],
      )
      t.assert.deepEqual(await store.routes({ after: 'b.test/*' }), [{ pattern: 'c.test/*', app: 'a' }])
      t.assert.deepEqual(await store.routes({ app: 'a', after: 'a.test/*' }), [
        { pattern: 'c.test/*', app: 'a' },
      ])
    })

    contract('one host has a bounded number of routes', async (t: TestContext, store) => {
      const routes = Array.from({ length: ROUTES_PER_HOST_MAX }, (_, i) => `a.test/${i}`)
      await store.deploy(deployment('a', { routes }))

      await t.assert.rejects(store.addRoute({ pattern: 'a.test/more', app: 'a' }), { code: 'ROUTE_INVALID' })
      await store.addRoute({ pattern: 'b.test/more', app: 'a' })
    })
  })
}
