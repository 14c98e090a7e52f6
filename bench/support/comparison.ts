/** Vitrine and its peers under one load, side by side. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { Client } from './client.ts'
import { type Load, type LoadOptions, load, WARM_UP_SECONDS } from './load.ts'
import type { Table } from './question.ts'
import { alternate, fixed, ratios, type Spread, shown, spread } from './statistics.ts'
import type { Target } from './target.ts'

/** The first comes first in tables, and the others are its measure. */
export type Sides = Record<string, Target>

export function benchApp(name: string): string {
  return fileURLToPath(new URL(`../apps/${name}.js`, import.meta.url))
}

/** Loads each side in turn; none of it counts before all of them are warm. */
export async function compare<S extends Sides>(
  sides: S,
  { repeats, ...options }: LoadOptions & { repeats: number },
): Promise<Record<keyof S & string, Load[]>> {
  await checkSameAnswer(sides, options)
  for (const target of Object.values(sides)) await load(target, { ...options, seconds: WARM_UP_SECONDS })
  return await alternate(Object.keys(sides) as (keyof S & string)[], repeats, side =>
    load(sides[side]!, options),
  )
}

/** A side that answers something else would be compared with what it does not do. */
async function checkSameAnswer(
  sides: Sides,
  { method = 'GET', bodyBytes = 0, path, headers }: LoadOptions,
): Promise<void> {
  using client = new Client(1)
  const body = Buffer.alloc(bodyBytes, 'x')
  const answers = await Promise.all(
    Object.values(sides).map(({ port, host }) =>
      client.sendOk({ port, host, method, path, headers, ...(bodyBytes > 0 && { body }) }),
    ),
  )
  for (const { body, headers } of answers) {
    assert(body.equals(answers[0]!.body), 'the sides answer different bytes')
    assert.equal(headers['content-type'], answers[0]!.headers['content-type'])
  }
}

/** The first side's figure in each round, divided by another's. */
export function against(loads: Record<string, Load[]>, side: string, figure: keyof Load): Spread {
  const ours = Object.values(loads)[0]!
  return ratios(
    ours.map(measured => measured[figure]),
    loads[side]!.map(measured => measured[figure]),
  )
}

/** One row for each side, with medians and extremes, and the first side's ratio to it. */
export function comparisonTable(loads: Record<string, Load[]>): Table {
  const [first] = Object.keys(loads)
  const figure = (side: string, name: keyof Load, digits: number) =>
    shown(spread(loads[side]!.map(measured => measured[name])), digits)
  const ratio = (side: string, name: keyof Load) =>
    side === first ? '' : `${fixed(against(loads, side, name).median, 2)}×`
  return {
    columns: [
      ...['', 'requests/s', 'CPU µs/request', 'p50 ms', 'p99 ms', 'RSS MB'],
      ...[`${first}’s requests/s`, 'CPU', 'p50', 'p99'],
    ],
    rows: Object.keys(loads).map(side => [
      side,
      figure(side, 'perSecond', 0),
      figure(side, 'cpuUs', 1),
      figure(side, 'p50Ms', 2),
      figure(side, 'p99Ms', 2),
      figure(side, 'rssMb', 0),
      ratio(side, 'perSecond'),
      ratio(side, 'cpuUs'),
      ratio(side, 'p50Ms'),
      ratio(side, 'p99Ms'),
    ]),
  }
}
