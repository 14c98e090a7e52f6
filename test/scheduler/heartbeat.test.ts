import { spawn } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { Heartbeat } from '../../src/scheduler/heartbeat.ts'
import { ProcessStatus, type Progress } from '../../src/scheduler/process-status.ts'
import { until } from './setup.ts'

/** A runtime that never answers, of which the system says what `progress` does at each beat; after how many it is killed. */
function silentFor(t: TestContext, { beats, progress }: { beats: number; progress(beat: number): Progress }) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let beat = 0
  const killed: string[] = []
  const heartbeat = new Heartbeat(
    { ping: () => new Promise(() => {}) },
    {
      limits: { heartbeatMs: 500, heartbeatMisses: 4, rssBytesMax: 2 ** 30 },
      status: { rssBytes: () => 0, progress: () => progress(beat) },
      onStats: () => {},
      onTrouble: () => {},
      onKill: (_, detail) => killed.push(`beat ${beat}: ${detail}`),
    },
  )
  heartbeat.start()
  while (beat < beats && killed.length === 0) {
    beat++
    t.mock.timers.tick(500)
  }
  heartbeat.stop()
  t.mock.timers.reset()
  return killed
}

test('who is silent while it runs, sleeps or is stopped is killed when its beats are missed', t => {
  for (const progress of [
    (beat: number) => ({ cpuMs: beat * 500, isRunnable: true }),
    () => ({ cpuMs: 0, isRunnable: false }),
  ]) {
    t.assert.deepEqual(silentFor(t, { beats: 20, progress }), ['beat 4: silent for 2000 ms'])
  }
})

test('who is silent because others have the cores gets three times as long, not for ever', t => {
  const progress = (beat: number) => ({ cpuMs: beat * 40, isRunnable: true })

  t.assert.deepEqual(silentFor(t, { beats: 11, progress }), [])
  t.assert.deepEqual(silentFor(t, { beats: 20, progress }), ['beat 12: silent for 6000 ms'])
})

test('beats count again from when it has a core again', t => {
  const progress = (beat: number) => ({ cpuMs: beat < 6 ? 0 : beat * 500, isRunnable: true })

  // The first cannot be told from others: nobody looked before.
  t.assert.deepEqual(silentFor(t, { beats: 20, progress }), ['beat 8: silent for 4000 ms'])
})

test('the system tells of a process whether it runs, what it has used, and nothing once it has ended', {
  skip: process.platform !== 'linux' && 'no /proc here',
}, async t => {
  const spinning = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
  const sleeping = spawn('sleep', ['60'], { stdio: 'ignore' })
  t.after(() => {
    spinning.kill('SIGKILL')
    sleeping.kill('SIGKILL')
  })
  const busy = new ProcessStatus(spinning.pid!)
  const idle = new ProcessStatus(sleeping.pid!)

  await until(() => (busy.progress()?.cpuMs ?? 0) > 100)
  await until(() => idle.progress()?.isRunnable === false)
  t.assert.equal(busy.progress()?.isRunnable, true)
  t.assert.equal(busy.rssBytes() > 10e6, true)
  busy.end()

  t.assert.deepEqual([busy.progress(), busy.rssBytes()], [null, 0])
  t.assert.equal(new ProcessStatus(0).progress(), null)
})
