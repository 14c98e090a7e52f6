import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const NICENESS = new URL('../../src/scheduler/niceness.ts', import.meta.url).href
/** Has as many sessions as are named yield, three times with a pause between. */
const YIELD = `
  import { setTimeout as sleep } from 'node:timers/promises'
  import { yieldCores } from '${NICENESS}'
  for (let i = 0; i < 3; i++) {
    for (const pid of process.argv.slice(1)) yieldCores(Number(pid), 7)
    await sleep(200)
  }`
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
  execFileSync(program!, args)

  const groups = pids.map(pid => readFileSync(`/proc/${pid}/autogroup`, 'latin1'))
  t.assert.deepEqual(
    groups.map(group => /nice (-?\d+)/.exec(group)?.[1]),
    ['7', '7', '7'],
  )
})
