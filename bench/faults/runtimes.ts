/** A runtime process is killed every second, the spare too. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { benchApp } from '../support/comparison.ts'
import { Platform } from '../support/platform.ts'
import { fixed, percentile } from '../support/statistics.ts'
import { type Answers, askUntil, describeFailures, expect, type Fault } from './fault.ts'

const RUNTIME_PROGRAM = 'runtime/process.ts'
const KILL_EVERY_MS = 1000
const CONNECTIONS = 64
const UNDISTURBED_S = 10

export const runtimes: Fault = {
  name: 'runtimes',
  title: 'a runtime process is killed every second, under load: no safe request fails',
  async run({ seconds }) {
    await using platform = await Platform.start({ flags: ['--runtimes', '2'] })
    const hello = await platform.deploy('hello', benchApp('hello'))
    const undisturbed = await askUntil(hello, CONNECTIONS, delay(Math.min(UNDISTURBED_S, seconds) * 1000))
    platform.process.emptyLog()
    const killing = killEverySecond(seconds, () => platform.process.pids)
    const disturbed = await askUntil(hello, CONNECTIONS, killing)
    const kills = await killing

    expect(`no request fails, but ${describeFailures(disturbed)}`, disturbed.failures.size === 0)
    expect('runtimes were killed', kills > seconds / 2)
    return `${kills} killed in ${seconds} s; undisturbed ${describe(undisturbed)}; disturbed ${describe(disturbed)}; failed: none`
  },
}

function describe({ times }: Answers): string {
  const at = (share: number) => fixed(percentile(times, share), 1)
  return `${fixed(times.length, 0)} requests, p50 ${at(0.5)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}, longest ${at(1)} ms`
}

/** Kills runtimes in turn; resolves to how many. */
async function killEverySecond(seconds: number, pids: () => number[]): Promise<number> {
  let kills = 0
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    await delay(KILL_EVERY_MS)
    const running = pids().filter(pid => commandOf(pid).includes(RUNTIME_PROGRAM))
    const victim = running[kills % running.length]
    if (victim === undefined) continue
    process.kill(victim, 'SIGKILL')
    kills++
  }
  return kills
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}
