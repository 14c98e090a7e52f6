/** How long does the first request to a deployed app wait that is not loaded? */
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from './support/client.ts'
import { atLeast, atMost } from './support/goals.ts'
import { LeanClient } from './support/lean-client.ts'
import { Platform } from './support/platform.ts'
import type { Answer, Question } from './support/question.ts'
import { fixed, median, percentile } from './support/statistics.ts'
import { smallApp, storeApps } from './support/stored-apps.ts'

const APPS = 200
/** Cold starts before those that count: a platform just started has not compiled its own code yet. */
const APPS_WARM_UP = 20
/** Room for the prewarmed isolates to be made again. */
const PAUSE_MS = 60
const BURST = 100
const MS = { unit: 'ms', digits: 1 }
const GOALS = { medianMs: 3, p99Ms: 10, perSecondAndCore: 200 }

interface Series {
  name: string
  ms: number[]
}

async function ask(): Promise<Answer> {
  const spaced = await oneByOne()
  const unprepared = await oneByOne('--prewarm', '0')
  const burst = await atOnce()
  const perCpuSecond = (BURST * 1000) / burst.cpuMs
  const series: Series[] = [
    { name: `one every ${PAUSE_MS} ms or so`, ms: spaced.cold },
    { name: 'the same, --prewarm 0', ms: unprepared.cold },
    { name: `${BURST} at once`, ms: burst.ms },
    { name: 'for comparison: loaded, as far apart', ms: spaced.warm },
  ]
  return {
    goals: [
      atMost('cold start through HTTP: median', GOALS.medianMs, median(spaced.cold), MS),
      atMost('cold start through HTTP: p99', GOALS.p99Ms, percentile(spaced.cold, 0.99), MS),
      atLeast('cold starts in a burst, for each second of CPU time', GOALS.perSecondAndCore, perCpuSecond, {
        unit: 'a second and core',
        digits: 0,
      }),
    ],
    tables: [
      {
        columns: ['first requests', 'apps', 'median ms', 'p90 ms', 'p99 ms', 'worst ms'],
        rows: series.map(({ name, ms }) => [
          name,
          String(ms.length),
          ...[median(ms), percentile(ms, 0.9), percentile(ms, 0.99), Math.max(...ms)].map(n => fixed(n, 1)),
        ]),
      },
    ],
    notes: [
      `Small apps, each with a bundle of its own, deployed before the platform started; ${APPS_WARM_UP} others before them.`,
      `The burst took ${fixed(burst.tookMs, 0)} ms: ${fixed((BURST * 1000) / burst.tookMs, 0)} cold starts a second, ` +
        `on ${fixed(burst.cpuMs, 0)} ms of CPU time of all the platform’s processes.`,
    ],
  }
}

async function oneByOne(...flags: string[]): Promise<{ cold: number[]; warm: number[] }> {
  await using platform = await start(APPS, flags)
  using client = await LeanClient.connect(platform.appsPort)
  const cold: number[] = []
  const warm: number[] = []
  for (const target of targets(platform, APPS)) {
    await delay(PAUSE_MS)
    cold.push(await client.ms(target))
    await delay(PAUSE_MS)
    warm.push(await client.ms(target))
  }
  return { cold, warm }
}

async function atOnce(): Promise<{ ms: number[]; tookMs: number; cpuMs: number }> {
  await using platform = await start(BURST)
  using client = new Client(BURST)
  // Connections are no part of a cold start.
  const [first] = targets(platform, 1, 'warm')
  await Promise.all(Array.from({ length: BURST }, () => client.sendOk(first!)))
  await delay(1000)
  const cpuBefore = platform.process.cpuMs()
  const began = performance.now()
  const answers = await Promise.all(targets(platform, BURST).map(target => client.sendOk(target)))
  const tookMs = performance.now() - began
  return { ms: answers.map(({ ms }) => ms), tookMs, cpuMs: platform.process.cpuMs() - cpuBefore }
}

async function start(apps: number, flags: readonly string[] = []): Promise<Platform> {
  const platform = await Platform.start({
    flags,
    prepare: file => storeApps(file, [...names(apps, 'cold'), ...names(APPS_WARM_UP, 'warm')].map(smallApp)),
  })
  using client = new Client(1)
  for (const target of targets(platform, APPS_WARM_UP, 'warm')) {
    await client.sendOk(target)
    await delay(PAUSE_MS)
  }
  return platform
}

function names(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
}

function targets(platform: Platform, count: number, prefix = 'cold') {
  return names(count, prefix).map(name => platform.app(name))
}

export const coldStart: Question = { name: 'cold-start', title: 'How long a cold start takes', ask }
