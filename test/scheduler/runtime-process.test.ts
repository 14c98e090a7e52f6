import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Launcher } from '../../src/scheduler/launcher.ts'
import { RuntimeProcess } from '../../src/scheduler/runtime-process.ts'

/** Its processes stand still as soon as they are there: they never listen. */
class Halting extends Launcher {
  readonly started: number[] = []

  override async start(...args: Parameters<Launcher['start']>): Promise<number> {
    const pid = await super.start(...args)
    process.kill(pid, 'SIGSTOP')
    this.started.push(pid)
    return pid
  }
}

test('a platform that stops does not wait for a runtime that is still starting', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  await using launcher = new Halting()
  const stop = new AbortController()
  const starting = RuntimeProcess.start({
    launcher,
    directory,
    settings: {
      prewarm: 0,
      memoryMb: 128,
      killGraceMs: 100,
      subrequestTimeoutMs: 1000,
      egressAllow: [],
      traceContext: false,
      cache: null,
      tls: null,
    },
    yielding: { yields: false, startNice: 0 },
    signal: stop.signal,
    onLine: () => {},
  })
  while (launcher.started.length === 0) await new Promise(setImmediate)

  stop.abort()

  await t.assert.rejects(starting, { message: 'the platform stops' })
  t.assert.throws(() => process.kill(launcher.started[0]!, 0), { code: 'ESRCH' })
})
