/** How much memory does the platform take when idle, and how much each loaded app? */

import { benchApp } from './support/comparison.ts'
import { atMost } from './support/goals.ts'
import { load } from './support/load.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Question, Table } from './support/question.ts'
import { fixed } from './support/statistics.ts'
import { appNames, smallApp, storeApps, touch } from './support/stored-apps.ts'
import type { Memory } from './support/usage.ts'

const APPS = 100
const RUNTIMES = 2
const IDLE_GOAL_MB = 300
const APP_GOAL_MB = 2

const names = appNames(2 * APPS)

async function ask({ seconds }: AskOptions): Promise<Answer> {
  // The first start on a checkout compiles the platform, which takes memory that later ones do not need.
  await (await Platform.start())[Symbol.asyncDispose]()
  await using platform = await Platform.start({
    flags: ['--runtimes', String(RUNTIMES)],
    prepare: file => storeApps(file, names.map(smallApp)),
  })
  const { process } = platform
  await process.settle()
  const idle = process.memoryOfEach()
  await touch(platform, names.slice(0, APPS))
  const some = process.memoryOfEach()
  await touch(platform, names.slice(APPS))
  const more = process.memoryOfEach()
  const hello = await platform.deploy('hello', benchApp('hello'))
  await load(hello, { connections: 64, seconds })
  const loaded = process.memoryOfEach()

  const idleMb = megabytes(idle, 'rssBytes')
  const appMb = (megabytes(some, 'rssBytes') - idleMb) / APPS
  return {
    goals: [
      atMost(`RSS of the idle platform, ${RUNTIMES} runtimes`, IDLE_GOAL_MB, idleMb, {
        unit: 'MB',
        digits: 0,
      }),
      atMost('RSS of each loaded small app', APP_GOAL_MB, appMb, { unit: 'MB' }),
    ],
    tables: [
      memoryTable({
        idle,
        [`${APPS} apps loaded`]: some,
        [`${2 * APPS} apps loaded`]: more,
        'right after load, 64 connections': loaded,
      }),
    ],
    notes: [
      'RSS counts pages that processes share in each of them; PSS (in parentheses) shares them out. Both in MB.',
      `Each of the second ${APPS} apps took ${fixed((megabytes(more, 'rssBytes') - megabytes(some, 'rssBytes')) / APPS, 2)} MB.`,
    ],
  }
}

function memoryTable(moments: Record<string, Memory[]>): Table {
  const cell = (parts: Memory[]) =>
    `${fixed(megabytes(parts, 'rssBytes'), 0)} (${fixed(megabytes(parts, 'pssBytes'), 0)})`
  return {
    columns: ['', 'all', 'proxy', ...Array.from({ length: RUNTIMES }, (_, index) => `runtime ${index}`)],
    rows: Object.entries(moments).map(([moment, each]) => [
      moment,
      cell(each),
      ...each.map(memory => cell([memory])),
    ]),
  }
}

function megabytes(each: readonly Memory[], kind: keyof Memory): number {
  return each.reduce((sum, memory) => sum + memory[kind], 0) / 1e6
}

export const memory: Question = { name: 'memory', title: 'How much memory it takes', ask }
