import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { loadConfig } from '../../src/config.ts'
import { Deployments } from '../../src/control/deployments.ts'
import type { Platform } from '../../src/control/platform.ts'
import { createControl } from '../../src/control/server.ts'
import { StackMapper } from '../../src/stack-mapper.ts'
import { openStore } from '../../src/store/open.ts'
import { directoryWith, vitrine } from './support.ts'

/** The real control API on a store in memory. No app is ever loaded, and each one starts. */
async function startRealControl() {
  const config = loadConfig({ env: { VITRINE_TOKEN: 'secret' }, file: '/nonexistent.json' })
  const stacks = new StackMapper()
  const store = await openStore('sqlite::memory:')
  const platform: Platform = {
    verify: async () => ({
      outcome: 'ok',
      phasesMs: { isolate: 0, compile: 1, evaluate: 0 },
      handlers: ['fetch'],
    }),
    changed: () => {},
    releaseApp: () => false,
    lookup: async host => (host === 'a.test' ? { app: 'hello', pattern: 'a.test/*' } : null),
    stats: () => ({
      apps: [],
      runtimes: [],
      routeCache: { hit: 0, miss: 0, negative: 0 },
      appCache: { hit: 0, miss: 0 },
      inFlight: 0,
      queued: 0,
      quarantine: [],
      inBackground: 0,
      spareRuntimes: 0,
      bundleCacheBytes: 0,
      generation: 0,
      generationAppliedAt: 0,
    }),
  }
  const deployments = new Deployments({ config, store, platform, stacks })
  const server = await createControl({ config, store, platform, deployments, appsPort: () => 3080 })
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  return {
    run: (...args: string[]) =>
      vitrine(args, { env: { VITRINE_URL: `http://127.0.0.1:${port}`, VITRINE_TOKEN: 'secret' } }),
    port,
    async [Symbol.asyncDispose]() {
      await server.close()
      await stacks[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
    },
  }
}

test('an app goes through its whole life by the command line', async () => {
  await using control = await startRealControl()
  using app = await directoryWith({
    'wrangler.toml': 'name = "hello"\nmain = "index.js"\nroutes = ["a.test/*"]\n[vars]\nGREETING = "hi"\n',
    'index.js':
      'import t from "./ä.txt"\nimport w from "./w.wasm"\nexport default { fetch: () => new Response(t + w) }',
    'ä.txt': 't',
    'w.wasm': new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]),
  })
  const { run } = control

  const first = await run('deploy', app.path, '--message', 'first')
  const second = await run('deploy', app.path, '--var', 'GREETING=hello')
  const shown = await run('app', 'hello', '--json')
  const versions = await run('versions', 'hello')
  const rollback = await run('rollback', 'hello')
  const added = await run('routes', 'add', 'https://B.test/x*', 'hello')
  const routes = await run('routes', 'list')
  const found = await run('routes', 'lookup', 'http://a.test/x')
  const apps = await run('apps', '--json')
  const deleted = await run('delete', 'hello')
  const gone = await run('app', 'hello')

  assert.deepEqual([first.stderr, second.stderr], ['', ''])
  assert.match(second.stdout, /^Deployed hello version 2 \(/)
  assert.match(second.stdout, /\n {2}http:\/\/hello\.localhost:3080\/\n {2}http:\/\/a\.test:3080\/\n$/)
  assert.deepEqual(JSON.parse(shown.stdout).config.vars, { GREETING: 'hello' })
  assert.match(versions.stdout, /\n2 .* active\n1 .* first\n$/)
  assert.match(rollback.stdout, /^hello is back at version 1 \(/)
  assert.equal(added.code, 0)
  assert.equal(routes.stdout, 'ROUTE      APP\na.test/*   hello\nb.test/x*  hello\n')
  assert.equal(found.stdout, 'hello (a.test/*)\n')
  assert.deepEqual(
    (JSON.parse(apps.stdout) as { name: string; version: { number: number } }[]).map(({ name, version }) => [
      name,
      version.number,
    ]),
    [['hello', 1]],
  )
  assert.equal(deleted.stdout, 'Deleted hello\n')
  assert.deepEqual([gone.code, gone.stdout], [1, ''])
})

test('the platform’s refusals arrive as they are', async () => {
  await using control = await startRealControl()
  using app = await directoryWith({ 'index.js': 'export default { fetch() {} }' })

  const name = await control.run('deploy', app.path, '--name', 'No Label')
  const route = await control.run('deploy', app.path, '--name', 'x', '--route', 'a*b.test')
  const limit = await control.run('deploy', app.path, '--name', 'x', '--cpu-ms', '999999')
  const url = `http://127.0.0.1:${control.port}`
  const token = await vitrine(['apps'], { env: { VITRINE_URL: url, VITRINE_TOKEN: 'wrong' } })

  for (const { code } of [name, route, limit, token]) assert.equal(code, 1)
  assert.match(name.stderr, /^vitrine: "No Label" cannot be an app’s name: use /)
  assert.match(route.stderr, /^vitrine: Route "a\*b\.test" has a \* inside its host/)
  assert.match(limit.stderr, /^vitrine: limits\.cpu_ms is 999999, above this platform’s maximum/)
  assert.equal(token.stderr, 'vitrine: The token is wrong: set VITRINE_TOKEN to the platform’s --token\n')
})
