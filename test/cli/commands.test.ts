import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directoryWith, formOf, json, refuse, startControl, vitrine } from './support.ts'

const VERSION = { id: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff', number: 3, createdAt: Date.now() - 125_000 }
const APP = {
  name: 'hello',
  version: VERSION,
  routes: ['hello.test/*'],
  loaded: true,
  readyInstances: 1,
  startTime: Date.now() - 61_000,
  inFlight: 2,
  queued: 0,
}

test('deploy uploads what it built and prints name, version and URLs', async () => {
  using app = await directoryWith({
    'wrangler.toml':
      'name = "hello"\nmain = "index.ts"\nroutes = ["a.test/*"]\n[vars]\nA = "file"\nB = 1\n[limits]\ncpu_ms = 50\n',
    'index.ts': 'import text from "./hi.txt"\nexport default { fetch: (): Response => new Response(text) }\n',
    'hi.txt': 'hi',
  })
  await using control = await startControl({
    'PUT /apps/hello': json({
      app: 'hello',
      version: VERSION,
      urls: ['http://hello.localhost:3080/'],
      warnings: [],
      startup_ms: 1,
    }),
  })

  const result = await vitrine(
    ['deploy', '.', '--var', 'A=flag=1', '--route', 'b.test/*', '--memory-mb', '64', '-m', 'first'],
    { cwd: app.path, env: { ...control.env, VITRINE_TOKEN: 'secret' } },
  )

  assert.equal(result.stderr, '')
  assert.equal(result.code, 0)
  assert.match(result.stdout, /^Deployed hello version 3 \(6f9619ff\)/)
  assert.match(result.stdout, /\n {2}http:\/\/hello\.localhost:3080\/\n$/)
  const [request] = control.seen
  assert.equal(request!.headers.authorization, 'Bearer secret')
  const form = await formOf(request!)
  assert.deepEqual(JSON.parse(form.get('metadata') as string), {
    main_module: 'index.js',
    compatibility_flags: [],
    vars: { A: 'flag=1', B: 1 },
    limits: { cpu_ms: 50, memory_mb: 64 },
    routes: ['a.test/*', 'b.test/*'],
    message: 'first',
  })
  assert.deepEqual(
    [...form].slice(1).map(([name, part]) => [name, (part as File).name, (part as File).type]),
    [
      ['index.js', 'index.js', 'application/javascript+module'],
      ['index.js.map', 'index.js.map', 'application/source-map'],
      ['hi.txt', 'hi.txt', 'text/plain'],
    ],
  )
})

test('an entry that cannot be built fails with one sentence and esbuild’s excerpt, before anything is sent', async () => {
  using app = await directoryWith({ 'broken.js': 'export default {\n  fetch() { return ( }\n}\n' })
  await using control = await startControl({})

  const result = await vitrine(['deploy', 'broken.js'], { cwd: app.path, env: control.env })

  assert.equal(result.code, 1)
  assert.match(
    result.stderr,
    /^vitrine: The app cannot be built: broken\.js:2:\d+: Unexpected "\}"\n\n.*\n\n {4}broken\.js:2:/s,
  )
  assert.equal(control.seen.length, 0)
})

test('a refusal of the platform is shown in its own words, with its detail', async () => {
  using app = await directoryWith({ 'index.js': 'export default {}' })
  await using control = await startControl({
    'PUT /apps/x': (_request, response) =>
      refuse(
        response,
        422,
        'STARTUP_FAILED',
        'The app exports no handler: add fetch()',
        'at index.js:1:1\u001b[2J',
      ),
  })

  const result = await vitrine(['deploy', '--name', 'x'], { cwd: app.path, env: control.env })

  assert.equal(result.code, 1)
  assert.equal(result.stderr, 'vitrine: The app exports no handler: add fetch()\n\nat index.js:1:1\n\n')
})

test('apps are listed in aligned columns, or as JSON, over several pages', async () => {
  const second = { ...APP, name: 'other', routes: [], startTime: null, readyInstances: 0, inFlight: 0 }
  await using control = await startControl({
    'GET /apps': (request, response) =>
      json(
        request.url!.includes('after=hello')
          ? { apps: [second], next: null }
          : { apps: [APP], next: 'hello' },
      )(request, response, Buffer.alloc(0)),
  })

  const table = await vitrine(['apps'], { env: control.env })
  const list = await vitrine(['apps', '--json'], { env: control.env })

  assert.equal(
    table.stdout,
    `${[
      'APP    VERSION  DEPLOYED   UP     READY  IN FLIGHT  QUEUED  ROUTES',
      'hello  3        2 min ago  1 min  1      2          0       hello.test/*',
      'other  3        2 min ago  –      0      0          0       –',
    ].join('\n')}\n`,
  )
  assert.deepEqual(JSON.parse(list.stdout), [APP, second])
})

test('an app is shown with where it answers and what it is set to', async () => {
  await using control = await startControl({
    'GET /apps/hello': json({
      ...APP,
      urls: ['http://hello.localhost:3080/'],
      config: { main: 'index.js', syntax: 'module', compatibilityFlags: [], vars: { A: 'x\u001b[31m' } },
      limits: { cpuMs: 200, memoryMb: 128 },
      bundleBytes: 1234,
      quarantine: {
        state: 'quarantined',
        reason: 'rss',
        deaths: 2,
        pauseMs: 2000,
        releaseMs: 600_000,
        clearedByDeploy: false,
      },
      instances: [{ id: 7, runtime: 'r1', inFlight: 2, heapBytes: 2_500_000 }],
    }),
  })

  const { stdout, code } = await vitrine(['app', 'hello'], { env: control.env })

  assert.equal(code, 0)
  assert.match(stdout, /version {8}3 \(6f9619ff-8b86-4d01-b42d-00cf4fc964ff\), deployed 2 min ago/)
  assert.match(stdout, /limits {9}cpuMs 200, memoryMb 128/)
  assert.match(
    stdout,
    /quarantine {5}brought 2 runtimes down \(rss\); runs alone, may start in 2 s; ends in 10 min or by "vitrine release"/,
  )
  assert.match(stdout, /var {12}A = "x\\u001b\[31m"/)
  assert.match(stdout, /INSTANCE {2}RUNTIME {2}IN FLIGHT {2}HEAP\n7 {9}r1 {7}2 {10}2\.5 MB\n$/)
})

test('routes are added, listed, looked up and deleted', async () => {
  await using control = await startControl({
    'POST /routes': json({}),
    'GET /routes': json({ routes: [{ pattern: 'a.test/*', app: 'hello' }] }),
    'DELETE /routes': json({ deleted: true }),
    'GET /routes/lookup': json({ app: 'hello', pattern: 'a.test/*' }),
  })
  const run = (...args: string[]) => vitrine(['routes', ...args], { env: control.env })

  const added = await run('add', 'a.test/*', 'hello')
  const listed = await run('list', '--app', 'hello')
  const found = await run('lookup', 'a.test/x')
  const deleted = await run('delete', 'a.test/*')

  assert.equal(added.stdout, 'Added a.test/* to hello\n')
  assert.equal(listed.stdout, 'ROUTE     APP\na.test/*  hello\n')
  assert.equal(found.stdout, 'hello (a.test/*)\n')
  assert.equal(deleted.stdout, 'Deleted a.test/*\n')
  assert.deepEqual(
    control.seen.map(({ method, url }) => `${method} ${url}`),
    [
      'POST /api/v1/routes',
      'GET /api/v1/routes?app=hello',
      'GET /api/v1/routes/lookup?url=http%3A%2F%2Fa.test%2Fx',
      'DELETE /api/v1/routes?pattern=a.test%2F*',
    ],
  )
  assert.deepEqual(JSON.parse(String(control.seen[0]!.body)), { pattern: 'a.test/*', app: 'hello' })
})

test('versions are listed, and one is made active again', async () => {
  await using control = await startControl({
    'GET /apps/hello/versions': json({
      versions: [{ ...VERSION, active: true, bundleBytes: 900, message: 'third' }],
    }),
    'POST /apps/hello/rollback': json({ app: 'hello', version: { ...VERSION, number: 2 } }),
  })

  const versions = await vitrine(['versions', 'hello'], { env: control.env })
  const rollback = await vitrine(['rollback', 'hello', '2'], { env: control.env })
  await vitrine(['rollback', 'hello'], { env: control.env })

  assert.match(versions.stdout, /\n3 {8}6f9619ff {2}2 min ago {2}900 B {2}active {2}third\n$/)
  assert.equal(rollback.stdout, 'hello is back at version 2 (6f9619ff)\n')
  assert.deepEqual(
    control.seen.slice(1).map(({ body }) => String(body)),
    ['{"version":"2"}', '{}'],
  )
})

test('an unknown app is one sentence and exit code 1', async () => {
  await using control = await startControl({})

  const result = await vitrine(['delete', 'nope'], { env: control.env })

  assert.deepEqual(result, {
    code: 1,
    stdout: '',
    stderr: 'vitrine: There is no such app: "vitrine apps" lists them\n',
  })
})

test('a platform that is not there, or is something else, is told apart from an error', async () => {
  await using other = await startControl({ 'GET /apps': (_request, response) => void response.end('<html>') })

  const absent = await vitrine(['apps'], { env: { VITRINE_URL: 'http://127.0.0.1:1' } })
  const wrong = await vitrine(['apps'], { env: other.env })
  const malformed = await vitrine(['apps'], { env: { VITRINE_URL: 'localhost:3081' } })

  assert.equal(absent.code, 1)
  assert.match(absent.stderr, /^vitrine: No platform answers at http:\/\/127\.0\.0\.1:1 .*"vitrine serve"/)
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /is no Vitrine control API: correct VITRINE_URL\n$/)
  assert.equal(malformed.code, 2)
  assert.match(malformed.stderr, /^vitrine: VITRINE_URL must be a URL/)
})

test('a refused token says which variable to set', async () => {
  await using control = await startControl({
    'GET /apps': (_request, response) =>
      refuse(response, 401, 'UNAUTHORIZED', 'This platform asks for a token'),
  })

  const { code, stderr } = await vitrine(['apps'], { env: control.env })

  assert.equal(code, 1)
  assert.equal(
    stderr,
    'vitrine: This platform asks for a token; set VITRINE_TOKEN to the token of the platform\n',
  )
})
