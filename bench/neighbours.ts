/** How much slower is an app beside four that compute until they are stopped? */
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from './support/client.ts'
import { benchApp, comparisonTable } from './support/comparison.ts'
import { atMost } from './support/goals.ts'
import { type Load, load, WARM_UP_SECONDS } from './support/load.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Goal, Question, Table } from './support/question.ts'
import { alternate, ratios } from './support/statistics.ts'
import type { Target } from './support/target.ts'

const NEIGHBOURS = 4
const CONNECTIONS = [64, 1]
const P99_GOAL = 3
/** Until the neighbours' first requests have reached their limits. */
const LEAD_MS = 500
/** After their last ones, which may still run. */
const REST_MS = 1000

type Side = 'beside four' | 'alone'
const SIDES: Side[] = ['beside four', 'alone']

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  await using platform = await Platform.start()
  const hello = await platform.deploy('hello', benchApp('hello'))
  const neighbours: Target[] = []
  for (let n = 0; n < NEIGHBOURS; n++) neighbours.push(await platform.deploy(`burn-${n}`, benchApp('burn')))

  const goals: Goal[] = []
  const tables: Table[] = []
  const outcomes = new Map<string, number>()
  for (const connections of CONNECTIONS) {
    const measure = () => load(hello, { connections, seconds, mayFail: true })
    await load(hello, { connections, seconds: WARM_UP_SECONDS })
    const loads = await alternate(SIDES, repeats, side =>
      side === 'alone' ? measure() : besideAll(neighbours, measure, outcomes),
    )
    const p99 = ratios(p99s(loads['beside four']), p99s(loads.alone)).median
    const failed = loads['beside four'].reduce((sum, load) => sum + load.failed, 0)
    const title = connections === 1 ? '1 connection' : `${connections} connections`
    const what = `hello beside ${NEIGHBOURS} that burn CPU, ${title}`
    goals.push(
      atMost(`${what}: p99 against alone`, P99_GOAL, p99),
      atMost(`${what}: failed requests`, 0, failed, { unit: 'requests', digits: 0 }),
    )
    tables.push({ title, ...comparisonTable(loads) })
  }
  const counts = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
  return {
    goals,
    tables,
    notes: [
      `Each neighbour has one request under way at any time; how they ended: ${counts}. CPU time is that of the whole platform, the neighbours’ included.`,
    ],
  }
}

const p99s = (loads: readonly Load[]) => loads.map(({ p99Ms }) => p99Ms)

/** Measures while every neighbour has a request under way; counts how these end. */
async function besideAll(
  neighbours: readonly Target[],
  measure: () => Promise<Load>,
  outcomes: Map<string, number>,
): Promise<Load> {
  let going = true
  const burning = neighbours.map(async ({ port, host }) => {
    using client = new Client(1)
    while (going) {
      const { status, headers } = await client.send({ port, host })
      const outcome = String(headers['x-vitrine-outcome'] ?? status)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  })
  try {
    await delay(LEAD_MS)
    return await measure()
  } finally {
    going = false
    await Promise.all(burning)
    await delay(REST_MS)
  }
}

export const neighbours: Question = {
  name: 'neighbours',
  title: 'How an app fares beside noisy neighbours',
  ask,
}
