/**
 * Where each number lies: rows of cells, computed from the declared families. The platform has one row, each
 * process of the platform one, each app with series of its own one.
 */
import { FAMILIES, type Family, type FamilyName } from './families.ts'

export const FAMILY_NAMES = Object.keys(FAMILIES) as FamilyName[]

export function familyOf(name: FamilyName): Family {
  return FAMILIES[name]
}

/** Every combination of a family's label values, in the order of its cells. */
export function combinations(family: Family): string[][] {
  return Object.values(family.labels).reduce<string[][]>(
    (rows, values) => (values === null ? rows : rows.flatMap(row => values.map(value => [...row, value]))),
    [[]],
  )
}

/** Cells of one combination: a histogram has a count for each bucket, one for +Inf, and the sum. */
export function cellsPerCombination({ buckets }: Family): number {
  return buckets ? buckets.length + 2 : 1
}

/** The first cell of each row: the number of the snapshot that last wrote the row's gauges. */
export const SNAPSHOT_CELL = 0

const offsets = {} as Record<FamilyName, number>
const rowLength: Record<Family['per'], number> = { platform: 1, process: 1, app: 1 }
for (const name of FAMILY_NAMES) {
  const family = familyOf(name)
  if (family.from === 'scrape') continue
  offsets[name] = rowLength[family.per]
  rowLength[family.per] += combinations(family).length * cellsPerCombination(family)
}

/** Where a family's cells begin in its row. Scrape families have none. */
export function offsetOf(name: FamilyName): number {
  return offsets[name]
}

export function cellsOfRow(per: Family['per']): number {
  return rowLength[per]
}

/** Where in an app's row the counts are that a sum over apps consists of: `[from, to)` of each family. */
export const COUNTED_APP_CELLS: readonly (readonly [number, number])[] = FAMILY_NAMES.filter(
  name => familyOf(name).per === 'app' && familyOf(name).from === 'events',
).map(name => {
  const family = familyOf(name)
  return [offsets[name], offsets[name] + combinations(family).length * cellsPerCombination(family)] as const
})

/** Position of each value in a closed set. */
export function positions<V extends string>(values: readonly V[]): Readonly<Record<V, number>> {
  return Object.fromEntries(values.map((value, at) => [value, at])) as Record<V, number>
}

/** Processes with series: the platform's own, then runtimes. More runtimes than that show no series. */
export const PROCESS_ROWS = 257

/** Series that a family can have at most. */
export function familySeriesMax(name: FamilyName, appsMax: number): number {
  const family = familyOf(name)
  if (name === 'vitrine_metrics_series') return FAMILY_NAMES.length
  const rows = { platform: 1, process: PROCESS_ROWS, app: appsMax + 2 }[family.per]
  return rows * combinations(family).length * (family.buckets ? family.buckets.length + 3 : 1)
}

/** Series that a scrape can have at most, when `appsMax` apps have their own. */
export function seriesMax(appsMax: number): number {
  return FAMILY_NAMES.reduce((sum, name) => sum + familySeriesMax(name, appsMax), 0)
}
