/** The table, on the terminal and in docs/security.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fixed } from '../support/statistics.ts'
import { CONNECTIONS, PER_SECOND } from './arena.ts'
import type { Baseline } from './baseline.ts'
import type { Row } from './trial.ts'

export const SECURITY = new URL('../../docs/security.md', import.meta.url)
const BEGIN = '<!-- figures: npm run attack -- --write -->'
const END = '<!-- end of figures -->'

const COLUMNS = [
  'attack',
  'outcome',
  'status',
  'ended after',
  'victim failed',
  'victim p99',
  'ratio',
  'RSS peak',
]

export function headline(): string[] {
  return [tableLine(COLUMNS), `|${COLUMNS.map(() => '---').join('|')}|`]
}

export function rowLine(row: Row): string {
  return tableLine([
    row.name,
    row.outcomes.join(', '),
    row.statuses.map(status => status || 'none').join(', '),
    `${fixed(row.endMs, 0)} ms`,
    `${row.victim.failures.length} of ${row.victim.requests}`,
    `${fixed(row.victim.p99Ms, 1)} ms`,
    `${fixed(row.ratio, 2)}×`,
    `${fixed(row.rssPeakBytes / 2 ** 20, 0)} MB`,
  ])
}

export function baselineLines({ levels }: Baseline): string[] {
  return [
    tableLine(['cores used with a well-behaved app', 'victim p99']),
    '|---|---|',
    ...levels.map(({ cpuCores, p99Ms }) => tableLine([fixed(cpuCores, 2), `${fixed(p99Ms, 1)} ms`])),
  ]
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

export interface Results {
  machine: readonly string[]
  baseline: Baseline
  alone: readonly Row[]
  together: readonly Row[]
}

/** Renews the figures in docs/security.md. */
export function writeFigures({ machine, baseline, alone, together }: Results): void {
  const text = readFileSync(SECURITY, 'utf8')
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`docs/security.md has no ${BEGIN} before ${END}`)
  const figures = [
    BEGIN,
    machine.map(fact => `- ${fact}`).join('\n'),
    `The victim, an app in each runtime, is asked ${PER_SECOND} times a second over ${CONNECTIONS} connections. Its p99 beside an app that behaves well:`,
    baselineLines(baseline).join('\n'),
    'One attacker at a time; the ratio is to the p99 beside a well-behaved app that uses as much CPU time:',
    [...headline(), ...alone.map(rowLine)].join('\n'),
    'Four attackers at once:',
    [...headline(), ...together.map(rowLine)].join('\n'),
  ]
  writeFileSync(SECURITY, `${text.slice(0, from)}${figures.join('\n\n')}\n\n${text.slice(to)}`)
}
