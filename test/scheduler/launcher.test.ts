import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { compileCacheEnv } from '../../src/compile-cache.ts'

const LAUNCHER = new URL('../../src/scheduler/launcher.ts', import.meta.url).href
/** What the scripts have in common. `end` resolves to how a process ended. */
const PRELUDE = `
  const { closeSync, openSync, readFileSync } = await import('node:fs')
  const { Launcher } = await import('${LAUNCHER}')
  const threads = []
  process.on('worker', thread => threads.push(thread))
  const directory = process.argv[1]
  const settings = { token: 't', prewarm: 0, memoryMb: 128, killGraceMs: 100, subrequestTimeoutMs: 1000, egressAllow: [], traceContext: false, cache: null }
  const launcher = new Launcher()
  const start = name => launcher.start({ ...settings, listen: { path: directory + '/' + name } }, { yields: false, startNice: 0 })
  const firstLine = async pid => (await launcher.news(pid)).lines[0].text
  const end = async pid => {
    for (;;) {
      const { exit } = await launcher.news(pid)
      if (exit) return exit.signal
    }
  }`
/** Starts a runtime, another without a descriptor left, and a third one; prints what became of each. */
const WITHOUT_DESCRIPTORS = `
  const first = await start('first')
  const lines = [await firstLine(first)]
  const open = []
  try { for (;;) open.push(openSync('/dev/null')) } catch {}
  const refused = await start('second').then(() => null, error => error.message)
  for (const descriptor of open) closeSync(descriptor)
  const third = await start('third')
  lines.push(await firstLine(third))
  const exits = []
  for (const pid of [first, third]) {
    await launcher.dismiss(pid)
    exits.push(await end(pid))
  }
  await launcher[Symbol.asyncDispose]()
  console.log(JSON.stringify({ lines, refused, exits }))`
/** Ends the thread while a runtime of its hangs; prints what became of that, and whether another one starts. */
const WITHOUT_THREAD = `
  const hanging = await start('first')
  await firstLine(hanging)
  process.kill(hanging, 'SIGSTOP')
  await threads[0].terminate()
  const exit = await end(hanging)
  const state = () => readFileSync('/proc/' + hanging + '/stat', 'latin1').split(') ')[1][0]
  while (state() !== 'Z') await new Promise(setImmediate)
  const next = await start('next')
  const line = await firstLine(next)
  await launcher.dismiss(next)
  await end(next)
  await launcher[Symbol.asyncDispose]()
  console.log(JSON.stringify({ exit, line }))`
const DESCRIPTORS = 100

const RUN_MS_MAX = 60_000

/** What a script prints, in a process of its own. */
async function run(script: string, t: TestContext): Promise<Record<string, unknown>> {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const command = `ulimit -n ${DESCRIPTORS}; exec "$0" -e "$1" "$2"`
  const args = ['-c', command, process.execPath, PRELUDE + script, directory]
  return JSON.parse(
    execFileSync('sh', args, { encoding: 'utf8', env: compileCacheEnv(), timeout: RUN_MS_MAX }),
  )
}

test('a process that the system does not let start costs no other one', async t => {
  const { refused, lines, exits } = await run(WITHOUT_DESCRIPTORS, t)

  t.assert.match(String(refused), /EMFILE/)
  t.assert.deepEqual(lines, ['{"ready":true}', '{"ready":true}'])
  t.assert.deepEqual(exits, ['SIGKILL', 'SIGKILL'])
})

test('with the thread that started it ends a process, though it hangs, and the next has a new one', {
  skip: process.platform !== 'linux' && 'what has become of a process is told on Linux only',
}, async t => {
  t.assert.deepEqual(await run(WITHOUT_THREAD, t), {
    exit: 'the loss of its launcher',
    line: '{"ready":true}',
  })
})
