import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { Niceness } from '../../src/scheduler/niceness.ts'
import { answering, load, niceValues, sessionOf, startAll } from './real-runtimes.ts'
import { until } from './setup.ts'

const NICENESS = new URL('../../src/scheduler/niceness.ts', import.meta.url).href
/** Has the sessions that are named yield, again and again until each does: others on the machine take turns, too. */
const YIELD = `
  import { setTimeout as sleep } from 'node:timers/promises'
  import { Niceness } from '${NICENESS}'
  const sessions = process.argv.slice(1).map(pid => new Niceness(Number(pid), { yields: true }))
  while (sessions.filter(session => !session.lower(7)).length > 0) await sleep(20)`
const YIELD_MS_MAX = 20_000
/** Without the capability that would let it set as many as it likes. */
const UNPRIVILEGED = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-sys_admin'] : []
const canTry =
  existsSync('/proc/self/autogroup') && (UNPRIVILEGED.length === 0 || existsSync('/usr/bin/setpriv'))

test('several sessions yield at once, though Linux takes one at a time', {
  skip: !canTry && 'sessions are not scheduled against each other here',
}, t => {
  const sleepers = ['a', 'b', 'c'].map(() => spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }))
  t.after(() => {
    for (const sleeper of sleepers) sleeper.kill()
  })
  const pids = sleepers.map(({ pid }) => String(pid))

  const [program, ...args] = [...UNPRIVILEGED, process.execPath, '--input-type=module', '-e', YIELD, ...pids]
  execFileSync(program!, args, { timeout: YIELD_MS_MAX })

  const groups = pids.map(pid => readFileSync(`/proc/${pid}/autogroup`, 'latin1'))
  t.assert.deepEqual(
    groups.map(group => /nice (-?\d+)/.exec(group)?.[1]),
    ['7', '7', '7'],
  )
})

test('runtimes are in one session with the platform, but for those that yield', {
  skip: process.platform !== 'linux' && 'sessions share cores on Linux only',
}, async t => {
  await using platform = await startAll({ runtimes: '1' })
  platform.deploy('hello', answering('hi'))
  await platform.ask('hello')
  process.kill(platform.supervisor.runtimes[0]!.pid, 'SIGSEGV')
  await until(() => platform.supervisor.spares === 1 && platform.supervisor.runtimes[0]!.up)
  platform.deploy('burn', 'export default { fetch() { for (;;); } }')
  const loads = ['hello', 'burn'].map(app => load(1, () => platform.ask(app)))
  await until(() => platform.supervisor.runtimes.some(({ id, up }) => id === 'b0' && up))
  const sessions = platform.supervisor.runtimes.map(({ id, pid }) => [id, sessionOf(pid) === pid])
  await Promise.all(loads.map(({ stop }) => stop()))

  t.assert.deepEqual(sessions, [
    ['r0', false],
    ['b0', true],
  ])
  t.assert.equal(sessionOf(platform.supervisor.runtimes[0]!.pid), sessionOf(process.pid))
})

test('threads that run apps yield to those that carry requests', {
  skip: process.platform !== 'linux' && 'threads have nice values of their own on Linux only',
}, async t => {
  await using platform = await startAll({ runtimes: '1', heartbeatMs: '50', backgroundNice: '6' })
  platform.deploy('hello', answering('hi'))
  const { pid } = platform.supervisor.runtimes[0]!
  await platform.ask('hello')
  const { first: own } = niceValues(process.pid)
  await until(() => niceValues(pid).others.some(({ nice }) => nice > own))

  const { first, others } = niceValues(pid)
  const lowered = others.filter(({ nice }) => nice > own)
  const carriers = others.filter(({ name }) => /V8Worker|libuv/.test(name))
  t.assert.equal(first, own)
  t.assert.deepEqual(new Set(lowered.map(({ nice }) => nice)), new Set([own + 4]))
  t.assert.notEqual(carriers.length, 0)
  t.assert.deepEqual(
    carriers.filter(({ nice }) => nice !== own),
    [],
  )
})

test('the threads of a process that yields are lowered, and held in sight until they have gone', {
  skip: process.platform !== 'linux' && 'threads have nice values of their own on Linux only',
}, async t => {
  const child = spawn(process.execPath, ['-e', 'console.log(); setInterval(() => {}, 1000)'], {
    detached: true,
  })
  t.after(() => child.kill('SIGKILL'))
  const pid = child.pid!
  await once(child.stdout, 'data')
  const held = () => openFiles().filter(file => file.startsWith(`/proc/${pid}/task/`))
  using niceness = new Niceness(pid, { yields: true })
  const { first: own } = niceValues(process.pid)

  niceness.lower(3)
  const { first, others } = niceValues(pid)
  t.assert.equal(first, own)
  t.assert.deepEqual(new Set(others.map(({ nice }) => nice)), new Set([own + 3]))
  t.assert.equal(held().length, others.length)

  child.kill('SIGKILL')
  await once(child, 'exit')
  niceness.lower(3)
  t.assert.deepEqual(held(), [])
})

/** What this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').map(name => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`)
    } catch {
      return ''
    }
  })
}
