/**
 * What do clients notice when a runtime process is killed every second?
 *
 * node bench/faults.ts [--seconds 60] [--connections 64]
 *
 * Prints the answer; exit code 1 if a request failed.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Client } from './support/client.ts'
import { benchApp } from './support/comparison.ts'
import { Platform } from './support/platform.ts'
import { fixed, percentile } from './support/statistics.ts'
import type { Target } from './support/target.ts'
import { processTree } from './support/usage.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    connections: { type: 'string', default: '64' },
  },
})
const seconds = Number(values.seconds)
const connections = Number(values.connections)

const RUNTIME_PROGRAM = 'runtime/process.ts'
const KILL_EVERY_MS = 1000
const KINDS = ['undisturbed', 'disturbed'] as const

await using platform = await Platform.start({ flags: ['--runtimes', '2'] })
const hello = await platform.deploy('hello', benchApp('hello'))
const undisturbed = await ask(hello, delay(Math.min(10, seconds) * 1000))
platform.process.emptyLog()
const disturbed = await ask(hello, killEverySecond())

for (const [index, { times, failures }] of [undisturbed, disturbed].entries()) {
  const at = (share: number) => fixed(percentile(times, share), 1)
  const failed = [...failures].map(([failure, count]) => `${count} × ${failure}`).join(', ') || 'none'
  const quantiles = `p50 ${at(0.5)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}, longest ${at(1)} ms`
  console.log(`${KINDS[index]}: ${fixed(times.length, 0)} requests, ${quantiles}; failed: ${failed}`)
}
process.exitCode = disturbed.failures.size === 0 ? 0 : 1

/** Sends requests over all connections until the time is over. */
async function ask(target: Target, over: Promise<unknown>) {
  using client = new Client(connections)
  const times: number[] = []
  const failures = new Map<string, number>()
  let running = true
  const clients = Array.from({ length: connections }, async () => {
    while (running) {
      const { status, ms } = await client
        .send(target)
        .catch((error: Error) => ({ status: error.message, ms: 0 }))
      if (status === 200) times.push(ms)
      else failures.set(String(status), (failures.get(String(status)) ?? 0) + 1)
    }
  })
  const told = await over
  running = false
  await Promise.all(clients)
  if (typeof told === 'number') console.log(`${told} runtimes killed in ${seconds} s`)
  return { times, failures }
}

/** Kills runtimes in turn, the spare too; resolves to how many. */
async function killEverySecond(): Promise<number> {
  let kills = 0
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    await delay(KILL_EVERY_MS)
    const runtimes = processTree(process.pid).filter(pid => commandOf(pid).includes(RUNTIME_PROGRAM))
    const victim = runtimes[kills % runtimes.length]
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
