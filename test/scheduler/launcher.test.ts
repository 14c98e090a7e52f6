import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { compileCacheEnv } from '../../src/compile-cache.ts'

const LAUNCHER = new URL('../../src/scheduler/launcher.ts', import.meta.url).href
/** Starts a runtime, another without a descriptor left, and a third one; prints what became of each. */
const SCRIPT = `
  const { closeSync, openSync } = await import('node:fs')
  const { Launcher } = await import('${LAUNCHER}')
  const directory = process.argv[1]
  const settings = { token: 't', prewarm: 0, memoryMb: 128, killGraceMs: 100, subrequestTimeoutMs: 1000, egressAllow: [], traceContext: false, cache: null }
  const launcher = new Launcher()
  const start = name => launcher.start({ ...settings, listen: { path: directory + '/' + name } }, { yields: false })
  const firstLine = async pid => (await launcher.news(pid)).lines[0].text
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
    for (let exit = null; exit === null; ) {
      exit = (await launcher.news(pid)).exit
      if (exit) exits.push(exit.signal)
    }
  }
  await launcher[Symbol.asyncDispose]()
  console.log(JSON.stringify({ lines, refused, exits }))`
const DESCRIPTORS = 100

test('a process that the system does not let start costs no other one', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-'))
  t.after(() => rm(directory, { recursive: true, force: true }))

  const command = `ulimit -n ${DESCRIPTORS}; exec "$0" -e "$1" "$2"`
  const args = ['-c', command, process.execPath, SCRIPT, directory]
  const told = JSON.parse(
    execFileSync('sh', args, { encoding: 'utf8', env: compileCacheEnv(), timeout: 60_000 }),
  )

  t.assert.match(told.refused, /EMFILE/)
  t.assert.deepEqual(told.lines, ['{"ready":true}', '{"ready":true}'])
  t.assert.deepEqual(told.exits, ['SIGKILL', 'SIGKILL'])
})
