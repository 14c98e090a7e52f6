/** Goals, and whether they were reached: the limits are those of the issue on performance. */
import { against } from './comparison.ts'
import type { Load } from './load.ts'
import type { Goal } from './question.ts'
import { fixed } from './statistics.ts'

/** Of the whole platform, under each load of one app. */
const RSS_MB_MAX = 350

interface Unit {
  /** Behind the numbers; default ×. */
  unit?: string
  /** Of what was measured; default 2. */
  digits?: number
}

export function atMost(what: string, limit: number, measured: number, unit: Unit = {}): Goal {
  return { what, ...shownGoal('≤', limit, measured, unit), met: measured <= limit }
}

export function atLeast(what: string, limit: number, measured: number, unit: Unit = {}): Goal {
  return { what, ...shownGoal('≥', limit, measured, unit), met: measured >= limit }
}

function shownGoal(sign: string, limit: number, measured: number, { unit = '×', digits = 2 }: Unit) {
  const behind = unit === '×' ? unit : ` ${unit}`
  return { goal: `${sign} ${limit}${behind}`, measured: `${fixed(measured, digits)}${behind}` }
}

/** Against workerd: the throughput at least, and the others at most. */
export interface Ratios {
  throughput?: number
  cpu?: number
  p50?: number
  p99?: number
}

/** The goals of one comparison, whose first side is the platform: its ratios, and its memory. */
export function comparisonGoals(
  title: string,
  loads: Record<string, Load[]>,
  { throughput, cpu, p50, p99 }: Ratios,
): Goal[] {
  const ratio = (figure: keyof Load) => against(loads, 'workerd', figure).median
  const [ours] = Object.values(loads)
  return [
    ...(throughput ? [atLeast(`${title}: throughput against workerd`, throughput, ratio('perSecond'))] : []),
    ...(cpu ? [atMost(`${title}: CPU against workerd`, cpu, ratio('cpuUs'))] : []),
    ...(p50 ? [atMost(`${title}: p50 against workerd`, p50, ratio('p50Ms'))] : []),
    ...(p99 ? [atMost(`${title}: p99 against workerd`, p99, ratio('p99Ms'))] : []),
    rssGoal(title, ours!),
  ]
}

/** The most that any of the measurements saw. */
function rssGoal(title: string, loads: readonly Load[]): Goal {
  const rssMb = Math.max(...loads.map(load => load.rssMb))
  return atMost(`${title}: RSS of the platform`, RSS_MB_MAX, rssMb, { unit: 'MB', digits: 0 })
}
