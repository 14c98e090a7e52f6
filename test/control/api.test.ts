import { suite, type TestContext, test } from 'node:test'
import { VitrineError } from '../../src/errors.ts'
import type { AppStats, SchedulerStats } from '../../src/scheduler/stats.ts'
import { openStore } from '../../src/store/open.ts'
import { HELLO, module, NOTHING_LOADED, startControl } from './control.ts'

suite('apps', () => {
  test('are listed in order of name with what is loaded of them, page by page', async (t: TestContext) => {
    const stats = loaded('b', { readyInstances: 2, inFlight: 5, queued: 1, startTime: 1_700_000_000_000 })
    const control = await startControl(t, { platform: { stats: () => stats } })
    for (const app of ['c', 'a', 'b']) await control.deploy(app)

    const first = await control.call('GET', 'apps?limit=2')
    const second = await control.call('GET', `apps?limit=2&after=${first.json.next}`)

    const { version } = (await control.store.app('b'))!
    t.assert.deepEqual(first.json.apps[1], {
      name: 'b',
      version: { id: version.id, number: 1, createdAt: version.createdAt },
      routes: [],
      loaded: true,
      readyInstances: 2,
      startTime: 1_700_000_000_000,
      inFlight: 5,
      queued: 1,
    })
    t.assert.equal(first.json.next, 'b')
    t.assert.deepEqual([second.json.apps.length, second.json.next], [1, null])
    t.assert.deepEqual([second.json.apps[0].loaded, second.json.apps[0].startTime], [false, null])
  })

  test('one is shown with its configuration, limits, URLs and instances', async (t: TestContext) => {
    const stats = loaded('hello', {
      instances: [
        {
          id: 7,
          runtime: 'r1',
          state: 'ready',
          inFlight: 1,
          heapBytes: 1000,
          externalBytes: 10,
          startedAt: 5,
        },
      ],
    })
    const control = await startControl(t, { platform: { stats: () => stats } })
    await control.deploy('hello', {
      metadata: { ...HELLO.metadata, vars: { A: 'x' }, limits: { cpu_ms: 10 }, routes: ['*.a.test/x*'] },
    })

    const { json } = await control.call('GET', 'apps/hello')

    t.assert.deepEqual(json.urls, ['http://hello.localhost:3080/', 'http://*.a.test:3080/x'])
    t.assert.deepEqual(json.config, {
      main: 'index.js',
      syntax: 'module',
      compatibilityFlags: [],
      vars: { A: 'x' },
    })
    t.assert.deepEqual(json.limits, { cpuMs: 10, memoryMb: 128 })
    t.assert.deepEqual(json.instances, stats.apps[0]!.instances)
    t.assert.ok(json.bundleBytes > 20)
  })

  test('that are not there are 404 everywhere, in one sentence', async (t: TestContext) => {
    const control = await startControl(t)
    for (const [method, path, body] of [
      ['GET', 'apps/nobody'],
      ['DELETE', 'apps/nobody'],
      ['GET', 'apps/nobody/versions'],
      ['POST', 'apps/nobody/rollback', {}],
      ['GET', 'apps/nobody/tail'],
      ['POST', 'routes', { pattern: 'a.test/*', app: 'nobody' }],
    ] as const) {
      const { status, json } = await control.call(method, path, body)
      t.assert.equal(status, 404, `${method} ${path}`)
      t.assert.match(json.error.message, /^There is no app "nobody"/)
    }
  })

  test('are deleted with their routes', async (t: TestContext) => {
    const control = await startControl(t)
    await control.deploy('hello', { metadata: { ...HELLO.metadata, routes: ['a.test/*'] } })
    control.told.length = 0

    t.assert.deepEqual(await control.call('DELETE', 'apps/hello'), { status: 200, json: { deleted: true } })

    t.assert.deepEqual(control.told, ['changed hello deleted'])
    t.assert.deepEqual((await control.call('GET', 'routes')).json, { routes: [], next: null })
    t.assert.equal((await control.call('DELETE', 'apps/hello')).status, 404)
  })
})

suite('versions', () => {
  async function threeVersions(t: TestContext) {
    const control = await startControl(t)
    const ids: string[] = []
    for (const text of ['one', 'two', 'three']) {
      const metadata = { ...HELLO.metadata, ...(text === 'two' && { message: 'the second' }) }
      const { json } = await control.deploy('hello', { metadata, modules: [module('index.js', text)] })
      ids.push(json.version.id)
    }
    control.told.length = 0
    const active = async () => (await control.store.app('hello'))?.version.number
    const rollback = (version?: unknown) => control.call('POST', 'apps/hello/rollback', { version })
    return { ...control, ids, active, rollback }
  }

  test('are listed newest first', async (t: TestContext) => {
    const { call, ids } = await threeVersions(t)

    const { json } = await call('GET', 'apps/hello/versions')

    t.assert.deepEqual(
      json.versions.map(({ id, number, active, message }: Record<string, unknown>) => [
        id,
        number,
        active,
        message,
      ]),
      [
        [ids[2], 3, true, undefined],
        [ids[1], 2, false, 'the second'],
        [ids[0], 1, false, undefined],
      ],
    )
  })

  test('rolling back goes to the version before, and again to the one before that', async (t: TestContext) => {
    const { rollback, active, told, ids } = await threeVersions(t)

    const { json } = await rollback()

    t.assert.deepEqual([json.app, json.version.id, json.version.number], ['hello', ids[1], 2])
    t.assert.deepEqual(told, ['changed hello redeployed'])
    await rollback()
    t.assert.equal(await active(), 1)
    const { status, json: refused } = await rollback()
    t.assert.equal(status, 404)
    t.assert.match(refused.error.message, /no version before 1: see vitrine versions hello/)
  })

  test('one is chosen by number, id, or the beginning of an id', async (t: TestContext) => {
    const { rollback, active, ids } = await threeVersions(t)

    for (const [wanted, number] of [
      [1, 1],
      ['3', 3],
      [ids[0], 1],
      [ids[1]!.slice(0, 13).toUpperCase(), 2],
    ] as const) {
      t.assert.equal((await rollback(wanted)).status, 200, String(wanted))
      t.assert.equal(await active(), number, String(wanted))
    }
  })

  test('one that is not there, or not one, changes nothing', async (t: TestContext) => {
    const { rollback, active } = await threeVersions(t)

    for (const [wanted, status] of [
      [9, 404],
      ['zz', 404],
      ['', 404],
      [{}, 400],
      [null, 400],
      [true, 400],
    ] as const) {
      t.assert.equal((await rollback(wanted)).status, status, JSON.stringify(wanted))
    }
    t.assert.equal(await active(), 3)
  })
})

suite('routes', () => {
  test('are added, listed by app, and deleted, in any spelling', async (t: TestContext) => {
    const control = await startControl(t)
    await control.deploy('hello')
    await control.deploy('other', { metadata: { ...HELLO.metadata, routes: ['b.test/*'] } })
    control.told.length = 0

    const added = await control.call('POST', 'routes', { pattern: 'https://A.test/x*', app: 'hello' })

    t.assert.deepEqual(added, { status: 200, json: { pattern: 'a.test/x*', app: 'hello' } })
    t.assert.deepEqual((await control.call('GET', 'routes?app=hello')).json.routes, [
      { pattern: 'a.test/x*', app: 'hello' },
    ])
    t.assert.equal((await control.call('GET', 'routes')).json.routes.length, 2)
    t.assert.equal((await control.call('GET', 'routes?limit=1')).json.next, 'a.test/x*')
    t.assert.equal(
      (await control.call('DELETE', `routes?pattern=${encodeURIComponent('A.TEST/x*')}`)).status,
      200,
    )
    t.assert.equal(
      (await control.call('DELETE', 'routes?pattern=a.test/x*')).json.error.code,
      'ROUTE_NOT_FOUND',
    )
    t.assert.deepEqual(control.told, ['changed hello routes', 'changed hello routes'])
  })

  test('are refused when malformed, taken or missing', async (t: TestContext) => {
    const control = await startControl(t)
    await control.deploy('hello')
    await control.deploy('other', { metadata: { ...HELLO.metadata, routes: ['b.test/*'] } })

    for (const [body, code] of [
      [{ pattern: 'a*b/', app: 'hello' }, 'ROUTE_INVALID'],
      [{ pattern: 'b.test/*', app: 'hello' }, 'ROUTE_TAKEN'],
      [{ app: 'hello' }, 'REQUEST_INVALID'],
      [{ pattern: 'a.test/*' }, 'REQUEST_INVALID'],
      [{ pattern: 'a.test/*', app: 'No Name' }, 'APP_NAME_INVALID'],
      [{ pattern: ['a.test/*'], app: 'hello' }, 'REQUEST_INVALID'],
      [null, 'REQUEST_INVALID'],
    ] as const) {
      t.assert.equal((await control.call('POST', 'routes', body)).json.error.code, code, JSON.stringify(body))
    }
  })

  test('a look-up asks the platform, for the host and path that an app would see', async (t: TestContext) => {
    const asked: string[] = []
    const control = await startControl(t, {
      platform: {
        lookup: async (host, path) => {
          asked.push(`${host} ${path}`)
          return path === '/x' ? { app: 'hello', pattern: 'a.test/x' } : null
        },
      },
    })
    const lookup = async (url: string) =>
      (await control.call('GET', `routes/lookup?url=${encodeURIComponent(url)}`)).json

    t.assert.deepEqual(await lookup('http://A.test:3080/x?y'), { app: 'hello', pattern: 'a.test/x' })
    t.assert.deepEqual(await lookup('b.test/y/../z'), { app: null, pattern: null })
    t.assert.deepEqual(asked, ['a.test /x', 'b.test /z'])
    t.assert.equal((await lookup('http://')).error.code, 'REQUEST_INVALID')
    t.assert.equal((await lookup('ftp://a.test/')).error.code, 'REQUEST_INVALID')
    t.assert.equal((await lookup('')).error.code, 'REQUEST_INVALID')
  })
})

test('the status tells versions, apps and runtimes', async (t: TestContext) => {
  const stats = { ...loaded('hello', {}), inFlight: 3, queued: 2 }
  const control = await startControl(t, { platform: { stats: () => stats } })
  await control.deploy('hello')
  await control.deploy('other')

  const { json } = await control.call('GET', 'status')

  t.assert.match(json.version, /^\d+\.\d+\.\d+/)
  t.assert.equal(json.node, process.versions.node)
  t.assert.ok(json.startedAt <= Date.now() && json.startedAt > Date.now() - 600_000)
  t.assert.deepEqual(
    [json.apps, json.inFlight, json.queued, json.runtimes],
    [{ deployed: 2, loaded: 1 }, 3, 2, []],
  )
})

suite('requests that are malformed', () => {
  test('get one sentence and the right status', async (t: TestContext) => {
    const { url, call } = await startControl(t)
    const post = (body: string) =>
      fetch(`${url}/api/v1/routes`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })

    for (const path of [
      'apps?limit=0',
      'apps?limit=x',
      'apps?limit=1001',
      'apps?limit=1&limit=2',
      'routes?limit=-1',
    ]) {
      const { status, json } = await call('GET', path)
      t.assert.equal(status, 400, path)
      t.assert.match(json.error.message, /limit must be a whole number/)
    }
    t.assert.equal((await post('{')).status, 400)
    t.assert.equal((await post('{"__proto__":{}}')).status, 400)
    t.assert.equal((await post(`"${'a'.repeat(100_000)}"`)).status, 400)
    const undecodable = await call('GET', 'apps/%E0%A4%A')
    t.assert.deepEqual([undecodable.status, undecodable.json.error.code], [400, 'REQUEST_INVALID'])
    const { status, json } = await call('GET', 'nothing')
    t.assert.equal(status, 404)
    t.assert.match(json.error.message, /has no GET \/api\/v1\/nothing: see docs\/control-api\.md/)
  })

  test('get no more of a fault of ours than that it is one', async (t: TestContext) => {
    const store = await openStore('sqlite::memory:')
    const control = await startControl(t, {
      store: {
        ...store,
        app: async () => {
          throw new TypeError('secret detail')
        },
        appCount: async () => {
          throw new VitrineError('STORE_UNAVAILABLE', 'The database is locked')
        },
      },
    })

    const { status, json } = await control.call('GET', 'apps/hello')

    t.assert.equal(status, 500)
    t.assert.deepEqual(json.error, {
      code: 'INTERNAL',
      message: 'Vitrine failed on this request: its log says why',
    })
    t.assert.equal(control.errors.length, 1)
    t.assert.equal((await control.call('GET', 'status')).status, 503)
    t.assert.equal(control.errors.length, 1)
  })
})

function loaded(name: string, fields: Partial<AppStats>): SchedulerStats {
  const app: AppStats = {
    name,
    version: 'x',
    versionNumber: 1,
    startTime: 0,
    readyInstances: 0,
    inFlight: 0,
    queued: 0,
    limits: {} as AppStats['limits'],
    instances: [],
    ...fields,
  }
  return { ...NOTHING_LOADED, apps: [app] }
}
