import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { encodeBundle } from '../../src/bundle.ts'
import { type RuntimeRestartEvent, runtimeRestartChannel } from '../../src/channels.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { createProxy } from '../../src/proxy/server.ts'
import { Scheduler } from '../../src/scheduler/scheduler.ts'
import { Supervisor } from '../../src/scheduler/supervisor.ts'
import { TestStore, until } from './setup.ts'

/** Proxy, scheduler and real runtime processes, over state that the test changes at will. */
async function startAll(settings: Partial<Record<keyof Config, string>> = {}) {
  await using stack = new AsyncDisposableStack()
  const flags = { runtimes: '2', listen: '127.0.0.1:0', ...settings }
  const config = loadConfig({ flags, file: '/nonexistent.json' })
  const store = new TestStore()
  const supervisor = new Supervisor({ config, log: line => console.error(line) })
  const scheduler = stack.use(new Scheduler({ config, store, supervisor }))
  await scheduler.start()
  await until(() => supervisor.runtimes.every(runtime => runtime.up))
  const proxy = createProxy({ config, scheduler })
  const { port } = await proxy.listen()
  const agent = new http.Agent({ keepAlive: true })
  stack.defer(async () => {
    agent.destroy()
    await proxy.stop(1000)
  })
  const disposables = stack.move()
  return {
    scheduler,
    supervisor,
    store,
    deploy: (name: string, source: string) => store.deploy(name, bundleOf(source)),
    ask: (app: string, path = '/') => ask({ port, agent, path, headers: { host: `${app}.localhost` } }),
    [Symbol.asyncDispose]: () => disposables.disposeAsync(),
  }
}

function bundleOf(source: string): Buffer {
  return encodeBundle([{ name: 'main.js', type: 'esm', content: Buffer.from(source) }])
}

const answering = (text: string) => `export default { fetch() { return new Response('${text}') } }`

async function ask(options: http.RequestOptions): Promise<{ status: number; body: string }> {
  const request = http.get({ host: '127.0.0.1', ...options })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks = await response.toArray()
  return { status: response.statusCode ?? 0, body: chunks.join('') }
}

/** Asks from several connections until told to stop; resolves to the answers in the order they came. */
function load(connections: number, send: () => Promise<{ status: number; body: string }>) {
  const answers: { status: number; body: string }[] = []
  let running = true
  const loops = Array.from({ length: connections }, async () => {
    while (running) answers.push(await send())
  })
  return {
    answers,
    async stop() {
      running = false
      await Promise.all(loops)
      return answers
    },
  }
}

test('runtimes that are killed under load cost no safe request', async t => {
  await using platform = await startAll()
  platform.deploy('a', answering('hi'))
  await platform.ask('a')
  const { answers, stop } = load(16, () => platform.ask('a'))

  for (let kills = 0; kills < 4; kills++) {
    const before = answers.length
    await until(() => answers.length > before + 200)
    const victim = platform.supervisor.runtimes.find(({ instances, up }) => up && instances.size > 0)
    process.kill(victim!.pid, 'SIGKILL')
  }
  const before = answers.length
  await until(() => answers.length > before + 200)

  const failed = (await stop()).filter(({ status, body }) => status !== 200 || body !== 'hi')
  t.assert.deepEqual(failed, [])
  await until(() => platform.supervisor.runtimes.every(runtime => runtime.up))
})

test('deploys under load fail nothing, and the next request is the new version’s', async t => {
  await using platform = await startAll()
  platform.deploy('a', answering('0'))
  await platform.ask('a')
  const { answers, stop } = load(16, () => platform.ask('a'))

  for (let version = 1; version <= 5; version++) {
    const before = answers.length
    await until(() => answers.length > before + 100)
    const { config } = (await platform.store.app('a'))!.version
    const bundle = bundleOf(answering(`${version}`))
    const result = await platform.scheduler.verify('a', config, bundle)
    t.assert.equal(result.outcome, 'ok')
    platform.store.deploy('a', bundle)
    platform.scheduler.changed('a', 'redeployed')
    t.assert.equal((await platform.ask('a')).body, `${version}`)
  }

  const failed = (await stop()).filter(({ status }) => status !== 200)
  t.assert.deepEqual(failed, [])
})

test('a runtime that hangs is killed and replaced, and its requests are answered', async t => {
  await using platform = await startAll({ heartbeatMs: '50', heartbeatMisses: '3' })
  const restarts: RuntimeRestartEvent[] = []
  const listener = (event: RuntimeRestartEvent) => void restarts.push(event)
  runtimeRestartChannel.subscribe(listener)
  t.after(() => runtimeRestartChannel.unsubscribe(listener))
  platform.deploy('a', answering('hi'))
  await platform.ask('a')

  const victim = platform.supervisor.runtimes.find(({ instances }) => instances.size > 0)!
  const { pid } = victim
  process.kill(pid, 'SIGSTOP')
  await until(() => restarts.length > 0)

  t.assert.equal(restarts[0]!.reason, 'heartbeat')
  t.assert.equal(restarts[0]!.runtime, victim.id)
  await until(() => victim.up && victim.pid !== pid)
})

test('a runtime’s environment holds nothing of ours, and its memory is known', async t => {
  process.env.VITRINE_TEST_SECRET = 'secret'
  t.after(() => delete process.env.VITRINE_TEST_SECRET)
  await using platform = await startAll()

  const [runtime] = platform.supervisor.runtimes

  t.assert.equal(readFileSync(`/proc/${runtime!.pid}/environ`, 'latin1'), '')
  await until(() => runtime!.stats !== null)
  t.assert.equal(runtime!.stats!.rssBytes > 10e6, true)
})

test('a runtime above its memory ceiling is killed', async t => {
  const restarts: RuntimeRestartEvent[] = []
  const listener = (event: RuntimeRestartEvent) => void restarts.push(event)
  runtimeRestartChannel.subscribe(listener)
  t.after(() => runtimeRestartChannel.unsubscribe(listener))
  await using platform = await startAll({
    runtimeRssMb: '128',
    memoryMb: '512',
    memoryMbMax: '512',
    cpuMs: '5000',
  })
  platform.deploy(
    'hog',
    `const kept = []
    export default { fetch() { for (let i = 0; i < 4; i++) kept.push(new Uint8Array(64e6).fill(1)); return new Response('hi') } }`,
  )

  void platform.ask('hog').catch(() => {})
  await until(() => restarts.length > 0)

  t.assert.equal(restarts[0]!.reason, 'rss')
  t.assert.deepEqual(restarts[0]!.apps, ['hog'])
})

test('runtimes go when the platform is killed', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const program = `
    const { loadConfig } = await import('${new URL('../../src/config.ts', import.meta.url)}')
    const { Supervisor } = await import('${new URL('../../src/scheduler/supervisor.ts', import.meta.url)}')
    const config = loadConfig({ flags: { runtimes: '2' }, file: '/nonexistent.json' })
    const supervisor = new Supervisor({ config, log: () => {} })
    await supervisor.start({ runtimeUp() {}, suspected() {} })
    while (!supervisor.runtimes.every(runtime => runtime.up)) await new Promise(setImmediate)
    console.log(supervisor.runtimes.map(runtime => runtime.pid).join())`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: directory },
  })
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
  const pids = line.split(',').map(Number)
  t.assert.equal(pids.every(isAlive), true)

  parent.kill('SIGKILL')

  await until(() => !pids.some(isAlive))
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
