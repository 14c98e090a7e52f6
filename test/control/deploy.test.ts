import { suite, type TestContext, test } from 'node:test'
import { encodeUpload } from '../../src/build/upload.ts'
import { decodeBundle } from '../../src/bundle.ts'
import { type DeployEvent, deployChannel } from '../../src/channels.ts'
import { VitrineError } from '../../src/errors.ts'
import type { StartResult } from '../../src/runtime/messages.ts'
import { openStore } from '../../src/store/open.ts'
import { HELLO, module, PHASES, startControl } from './control.ts'

test('a deploy is tried, stored and served, in this order, and says where the app answers', async (t: TestContext) => {
  const control = await startControl(t)

  const { status, json } = await control.deploy('hello', {
    metadata: { main_module: 'index.js', routes: ['api.test/v1/*'], message: 'first' },
  })

  const app = await control.store.app('hello')
  t.assert.equal(status, 200)
  t.assert.deepEqual(json, {
    app: 'hello',
    version: { id: app?.version.id, number: 1 },
    urls: ['http://hello.localhost:3080/', 'http://api.test:3080/v1/'],
    warnings: [],
    startup_ms: 6,
  })
  t.assert.deepEqual(control.told, ['verify hello', 'changed hello redeployed', 'changed hello routes'])
  t.assert.equal(app?.version.message, 'first')
})

test('modules arrive byte by byte, of every type and under any name, the main one first', async (t: TestContext) => {
  const control = await startControl(t)
  const modules = [
    module('lib/größe.js', 'export {}'),
    module("it's (one) & all.txt", '', 'text'),
    { name: './data.bin', type: 'data' as const, content: Buffer.from([0, 13, 10, 45, 45, 255]) },
    module('main.mjs', 'export default {}'),
    module('main.mjs.map', '{}', 'sourcemap'),
    module('a.json', '[]', 'json'),
    module('a.wasm', '\0asm', 'wasm'),
  ]

  const { status, json } = await control.deploy('hello', { metadata: { main_module: './main.mjs' }, modules })

  t.assert.equal(status, 200, JSON.stringify(json))
  const { version } = (await control.store.app('hello'))!
  const stored = decodeBundle((await control.store.bundle(version.bundleHash))!)
  t.assert.equal(version.config.main, 'main.mjs')
  t.assert.equal(stored[0]?.name, 'main.mjs')
  const expected = modules.map(({ name, type, content }) => [
    name.replace('./', ''),
    type,
    Buffer.from(content).toString('hex'),
  ])
  const got = stored.map(({ name, type, content }) => [name, type, Buffer.from(content).toString('hex')])
  t.assert.deepEqual(got.sort(), expected.sort())
})

test('the configuration is stored as it was given', async (t: TestContext) => {
  const control = await startControl(t)

  await control.deploy('sw', {
    metadata: {
      body_part: 'worker.js',
      compatibility_date: '2026-01-31',
      compatibility_flags: ['nodejs_compat'],
      vars: { TEXT: 'a', JSON: { nested: [1] } },
      limits: { cpu_ms: 50, memory_mb: 64 },
    },
    modules: [module('worker.js', '', 'script')],
  })

  t.assert.deepEqual((await control.store.app('sw'))?.version.config, {
    main: 'worker.js',
    syntax: 'service-worker',
    compatibilityDate: '2026-01-31',
    compatibilityFlags: ['nodejs_compat'],
    vars: { TEXT: 'a', JSON: { nested: [1] } },
    limits: { cpuMs: 50, memoryMb: 64 },
  })
})

test('what is accepted without effect is a warning by name', async (t: TestContext) => {
  const control = await startControl(t)

  const { json } = await control.deploy('hello', {
    metadata: {
      main_module: 'index.js',
      mesage: 'typo',
      bindings: [],
      compatibility_flags: ['nodejs_compat'],
      limits: { cpu_ms: 10, subrequests: 5 },
      routes: ['api.test'],
    } as never,
  })

  t.assert.deepEqual(json.warnings, [
    'metadata key "mesage" is not supported and is ignored; did you mean message?',
    'metadata key "bindings" is not supported and is ignored',
    'compatibility flag "nodejs_compat" has no effect yet',
    'route api.test/ answers only at /: for all paths write api.test/*',
    'limit "subrequests" is not supported and is ignored',
  ])
})

suite('an app that does not start', () => {
  const failed = { outcome: 'startupError', phasesMs: PHASES } as const
  const cases: [title: string, trial: StartResult, message: RegExp, code?: string][] = [
    [
      'throws',
      { ...failed, message: 'TypeError: x is not a function' },
      /^App "hello" does not start: TypeError: x is not a function$/,
    ],
    [
      'uses too much CPU',
      { ...failed, outcome: 'exceededCpu', message: '' },
      /within 1000 ms of CPU time: do less/,
    ],
    [
      'uses too much memory',
      { ...failed, outcome: 'exceededMemory', message: '' },
      /more than its 128 MB of memory/,
    ],
    [
      'handles nothing',
      { outcome: 'ok', phasesMs: PHASES, handlers: [] },
      /handles nothing: add export default \{ fetch/,
    ],
    [
      'could not be tried',
      { ...failed, outcome: 'internalError', message: 'died' },
      /could not be tried \(died\).*again$/,
      'RUNTIME_UNAVAILABLE',
    ],
  ]
  for (const [title, trial, message, code = 'STARTUP_FAILED'] of cases) {
    test(`because it ${title} leaves the running version as it is`, async (t: TestContext) => {
      let result: StartResult = { outcome: 'ok', phasesMs: PHASES, handlers: ['fetch'] }
      const control = await startControl(t, { platform: { verify: async () => result } })
      await control.deploy('hello')
      control.told.length = 0
      result = trial

      const { status, json } = await control.deploy('hello', { modules: [module('index.js', 'broken')] })

      t.assert.equal(json.error.code, code)
      t.assert.equal(status, code === 'STARTUP_FAILED' ? 422 : 503)
      t.assert.match(json.error.message, message)
      t.assert.deepEqual(
        (await control.store.versions('hello')).map(version => version.number),
        [1],
      )
      t.assert.deepEqual(control.told, [])
    })
  }

  test('shows its stack in terms of its sources', async (t: TestContext) => {
    const trial: StartResult = {
      ...failed,
      message: 'Error: no [index.js:1:1]',
      stack: 'Error: no\n    at index.js:1:1',
    }
    const control = await startControl(t, { platform: { verify: async () => trial } })
    const map = JSON.stringify({ version: 3, sources: ['src/index.ts'], names: [], mappings: 'AACA' })

    const { json } = await control.deploy('hello', {
      modules: [...HELLO.modules, module('index.js.map', map, 'sourcemap')],
    })

    t.assert.equal(json.error.message, 'App "hello" does not start: Error: no [src/index.ts:2:1]')
    t.assert.equal(json.error.detail, 'Error: no\n    at src/index.ts:2:1')
  })

  test('is warned about if it has handlers but none for requests', async (t: TestContext) => {
    const trial: StartResult = { outcome: 'ok', phasesMs: PHASES, handlers: ['scheduled'] }
    const control = await startControl(t, { platform: { verify: async () => trial } })

    const { status, json } = await control.deploy('hello')

    t.assert.equal(status, 200)
    t.assert.match(json.warnings[0], /no fetch handler, only scheduled/)
  })
})

suite('order', () => {
  test('deploys of one app happen one after the other, of different apps at once', async (t: TestContext) => {
    const running = new Set<string>()
    const most = { sameApp: 0, all: 0 }
    const both = Promise.withResolvers<void>()
    let id = 0
    const control = await startControl(t, {
      platform: {
        verify: async app => {
          const key = `${app} ${id++}`
          running.add(key)
          most.all = Math.max(most.all, running.size)
          most.sameApp = Math.max(
            most.sameApp,
            [...running].filter(other => other.startsWith(`${app} `)).length,
          )
          if (running.size >= 2) both.resolve()
          await both.promise
          running.delete(key)
          return { outcome: 'ok', phasesMs: PHASES, handlers: ['fetch'] }
        },
      },
    })

    await Promise.all(['a', 'a', 'a', 'b'].map(app => control.deploy(app)))

    t.assert.equal(most.sameApp, 1)
    t.assert.equal(most.all, 2)
    t.assert.equal((await control.store.versions('a')).length, 3)
  })

  test('no more deploys than allowed are held in memory', async (t: TestContext) => {
    let running = 0
    let most = 0
    const control = await startControl(t, {
      config: { deploysAtOnce: 2 },
      platform: {
        verify: async () => {
          most = Math.max(most, ++running)
          await new Promise(resolve => setImmediate(resolve))
          running--
          return { outcome: 'ok', phasesMs: PHASES, handlers: ['fetch'] }
        },
      },
    })

    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => control.deploy(`app-${i}`)))

    t.assert.deepEqual(new Set(answers.map(answer => answer.status)), new Set([200]))
    t.assert.ok(most <= 2)
  })

  test('a deploy that changes nothing makes no version if that is asked for', async (t: TestContext) => {
    const { deployments, store, deploy, told } = await startControl(t)
    await deploy('hello')
    told.length = 0
    const receive = (vars: object) => async () => ({
      metadata: { ...HELLO.metadata, vars },
      modules: HELLO.modules.map(({ name, type, content }) => ({ name, type, pieces: [content] })),
    })

    const same = await deployments.deploy('hello', receive({}), { unlessSame: true })
    const other = await deployments.deploy('hello', receive({ A: '1' }), { unlessSame: true })

    t.assert.deepEqual([same.version.number, same.created], [1, false])
    t.assert.deepEqual([other.version.number, other.created], [2, true])
    t.assert.deepEqual(told, ['verify hello', 'changed hello redeployed'])
    t.assert.equal((await store.versions('hello')).length, 2)
  })
})

test('every deploy, rollback and deletion is told with its result', async (t: TestContext) => {
  const events: DeployEvent[] = []
  const listener = (event: DeployEvent) => void events.push(event)
  deployChannel.subscribe(listener)
  t.after(() => deployChannel.unsubscribe(listener))
  const control = await startControl(t)

  const { json } = await control.deploy('hello')
  await control.deploy('hello', { metadata: {} })
  await control.call('POST', 'apps/hello/rollback', {})
  await control.call('DELETE', 'apps/hello')

  t.assert.deepEqual(
    events.map(({ app, action, result, version }) => [app, action, result, version]),
    [
      ['hello', 'deploy', 'ok', json.version.id],
      ['hello', 'deploy', 'invalid', ''],
      ['hello', 'rollback', 'invalid', ''],
      ['hello', 'delete', 'ok', ''],
    ],
  )
})

test('while the store cannot answer, deploys say so and nothing is served', async (t: TestContext) => {
  const store = await openStore('sqlite::memory:')
  const control = await startControl(t, {
    store: {
      ...store,
      deploy: async () => {
        throw new VitrineError('STORE_UNAVAILABLE', 'The database x is locked by another process: try again')
      },
    },
  })

  const body = encodeUpload({ name: 'hello', ...HELLO })
  const response = await fetch(`${control.url}/api/v1/apps/hello`, { method: 'PUT', body })

  t.assert.equal(response.status, 503)
  t.assert.equal(response.headers.get('retry-after'), '1')
  t.assert.deepEqual(control.told, ['verify hello'])
})
