import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import {
  type InstanceEndEvent,
  instanceEndChannel,
  type RuntimeRestartEvent,
  runtimeRestartChannel,
} from '../../src/channels.ts'
import { Launcher } from '../../src/scheduler/launcher.ts'
import type { ProcessNews } from '../../src/scheduler/launcher-thread.ts'
import { openSocketDirectory } from '../../src/socket-directory.ts'
import { answering, bundleOf, load, startAll } from './real-runtimes.ts'
import { collect, until } from './setup.ts'

test('runtimes that are killed under load cost no safe request', async t => {
  await using platform = await startAll()
  platform.deploy('a', answering('hi'))
  await platform.ask('a')
  const { answers, stop } = load(16, () => platform.ask('a'))

  for (let kills = 0; kills < 5; kills++) {
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
  const restarts = collect<RuntimeRestartEvent>(t, runtimeRestartChannel)
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

/** Of processes that have ended it hears when it is let. */
class Lingering extends Launcher {
  readonly gate = Promise.withResolvers<void>()

  override async news(pid: number): Promise<ProcessNews> {
    const news = await super.news(pid)
    if (news.exit) await this.gate.promise
    return news
  }
}

test('the next life of a runtime does not wait until its last process, killed, has gone', async t => {
  const launcher = new Lingering()
  await using platform = await startAll(
    { runtimes: '1', heartbeatMs: '50', heartbeatMisses: '3' },
    { launcher },
  )
  using _ = { [Symbol.dispose]: () => launcher.gate.resolve() }
  platform.deploy('a', answering('hi'))
  const [runtime] = platform.supervisor.runtimes
  const { pid } = runtime!

  process.kill(pid, 'SIGSTOP')
  await until(() => runtime!.up && runtime!.pid !== pid)

  t.assert.equal((await platform.ask('a')).body, 'hi')
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

test('runtimes go when the platform is killed', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const program = `
    const { loadConfig } = await import('${new URL('../../src/config.ts', import.meta.url)}')
    const { Supervisor } = await import('${new URL('../../src/scheduler/supervisor.ts', import.meta.url)}')
    const config = loadConfig({ flags: { runtimes: '2' }, file: '/nonexistent.json' })
    const supervisor = new Supervisor({ config, onLine() {}, onStartFailed() {} })
    await supervisor.start({ runtimeUp() {}, judged() {} })
    while (!supervisor.runtimes.every(runtime => runtime.up)) await new Promise(setImmediate)
    console.log(supervisor.runtimes.map(runtime => runtime.pid).join())`
  const parent = spawn(process.execPath, ['-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: directory },
  })
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
  const pids = line.split(',').map(Number)
  t.assert.equal(pids.every(isAlive), true)

  parent.kill('SIGKILL')

  await until(() => !pids.some(isAlive))
  const left = await readdir(directory)
  t.assert.equal(left.length, 1)
  const { TMPDIR } = process.env
  process.env.TMPDIR = directory
  t.after(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  })
  const own = await openSocketDirectory()
  t.assert.deepEqual(await readdir(directory), [basename(own)])
  await openSocketDirectory()
  t.assert.equal((await readdir(directory)).length, 2)
})

test('an ordinary stop ends instances as such, and no runtime is reported dead', async t => {
  const ends = collect<InstanceEndEvent>(t, instanceEndChannel)
  const restarts = collect<RuntimeRestartEvent>(t, runtimeRestartChannel)
  const platform = await startAll()
  for (const app of ['a', 'b']) platform.deploy(app, answering('hi'))
  await Promise.all(['a', 'b'].map(app => platform.ask(app)))

  await platform[Symbol.asyncDispose]()

  t.assert.deepEqual(ends.map(({ app, reason }) => `${app} ${reason}`).sort(), ['a shutdown', 'b shutdown'])
  t.assert.deepEqual(restarts, [])
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
