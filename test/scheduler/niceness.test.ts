import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startAll } from './real-runtimes.ts'

/** Of its session's first process. */
function sessionOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]
}

test('runtimes are in one session with the platform, within which priorities count', {
  skip: process.platform !== 'linux' && 'sessions share cores on Linux only',
}, async t => {
  await using platform = await startAll()

  t.assert.deepEqual(
    platform.supervisor.runtimes.map(({ pid }) => sessionOf(pid)),
    Array(2).fill(sessionOf(process.pid)),
  )
})
