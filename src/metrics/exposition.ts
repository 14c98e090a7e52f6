/**
 * Shows a board's numbers as families of a prom-client registry, in the metrics thread.
 *
 * prom-client renders whatever object has `get()`, which is asked at each scrape; so no number lives twice. A
 * registry per format, for prom-client keeps the format and its spelling of counters' names in the registry.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Metric, Registry as PromRegistry } from 'prom-client'
import packageJson from '../../package.json' with { type: 'json' }
import { NONE_ROW, OTHER_ROW } from './apps.ts'
import { appAt, type Board, PLATFORM_AT, processAt, rowNumber, TEXT } from './board.ts'
import type { Family, FamilyName } from './families.ts'
import {
  cellsPerCombination,
  combinations,
  FAMILY_NAMES,
  familyOf,
  offsetOf,
  PROCESS_ROWS,
  SNAPSHOT_CELL,
} from './layout.ts'

// prom-client's entry loads what is not needed here (tdigest, OpenTelemetry, http): 12 MB of this thread's memory.
const Registry: typeof PromRegistry = createRequire(import.meta.url)('prom-client/lib/registry.js')

export type Format = 'text' | 'openmetrics'

type Labels = Record<string, string>

/** One line, as prom-client takes it. It renders `sharedLabels` once and keeps the text. */
interface Line {
  metricName?: string
  labels: Labels
  sharedLabels?: Labels
  value: number
}

/** An app, a process or the platform, with what this scrape knows of it. */
interface Row {
  name: string
  labels: Labels
  at: number
  /** Whether its gauges are current. */
  present: boolean
  /** It stands for one thing, not for all other apps or none: counters that are 0 are shown. */
  own: boolean
  version: string
}

/** The numbers of one scrape. */
interface Scrape {
  now: number
  values: Float64Array
  rows: Record<'platform' | 'app' | 'runtime' | 'process', Row[]>
  /** Lines of each family shown so far. */
  series: Map<FamilyName, number>
}

/** What is not in the board but computed when asked. */
const COMPUTED: Partial<Record<FamilyName, (scrape: Scrape) => Line[]>> = {
  vitrine_app_uptime_seconds: ({ rows, values, now }) =>
    ownedByApps(rows.app).map(({ labels, at }) => ({
      labels,
      value: Math.max(0, now / 1000 - values[at + offsetOf('vitrine_app_start_time_seconds')]!),
    })),
  vitrine_app_info: ({ rows }) =>
    ownedByApps(rows.app).map(({ labels, version }) => ({ labels: { ...labels, version }, value: 1 })),
  vitrine_build_info: () => {
    const { node, v8 } = process.versions
    return [{ labels: { version: packageJson.version, node, v8 }, value: 1 }]
  },
  process_cpu_seconds_total: () => {
    const { user, system } = process.cpuUsage()
    return single((user + system) / 1e6)
  },
  process_resident_memory_bytes: () => single(process.memoryUsage.rss()),
  process_open_fds: () => readSystem(() => readdirSync('/proc/self/fd').length),
  process_max_fds: () =>
    readSystem(() => Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])),
  process_start_time_seconds: () => single(Math.round(Date.now() / 1000 - process.uptime())),
  vitrine_metrics_series: ({ series }) => {
    series.set('vitrine_metrics_series', FAMILY_NAMES.length)
    return [...series].map(([family, value]) => ({ labels: { family }, value }))
  },
}

function single(value: number): Line[] {
  return [{ labels: {}, value }]
}

/** A number that only Linux' /proc gives: no line where it cannot be read. */
function readSystem(read: () => number): Line[] {
  try {
    const value = read()
    return Number.isFinite(value) ? single(value) : []
  } catch {
    return []
  }
}

/** Loaded apps that have a row: what is said of one app cannot be said of a sum. */
function ownedByApps(rows: Row[]): Row[] {
  return rows.filter(({ present, own }) => present && own)
}

/**
 * The lines of one family, made while prom-client goes through them, which it does family after family: a scrape
 * of 200,000 lines is never there as objects all at once.
 */
function* counted(name: FamilyName, linesAt: (scrape: Scrape) => Iterable<Line>, scrape: Scrape) {
  let count = 0
  for (const line of linesAt(scrape)) {
    count++
    yield line
  }
  scrape.series.set(name, count)
}

export class Exposition {
  readonly #board: Board
  readonly #registries: Record<Format, PromRegistry>
  #scrape: Scrape | undefined
  /** Labels of an app's row, kept while the row is the app's. */
  readonly #appLabels: Labels[] = []

  constructor(board: Board) {
    this.#board = board
    const openMetrics = new Registry()
    openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
    this.#registries = { text: new Registry(), openmetrics: openMetrics }
    for (const registry of Object.values(this.#registries)) {
      for (const name of FAMILY_NAMES) registry.registerMetric(this.#metric(name))
    }
  }

  contentType(format: Format): string {
    return this.#registries[format].contentType
  }

  /** All families as text, of this moment. Calls must not overlap. */
  async render(format: Format): Promise<string> {
    this.#scrape = this.#board.read(() => this.#read())
    try {
      return await this.#registries[format].metrics()
    } finally {
      this.#scrape = undefined
    }
  }

  #metric(name: FamilyName): Metric {
    const family = familyOf(name)
    const linesAt = COMPUTED[name] ?? linesOf(name, family)
    const get = () => ({
      // prom-client shortens `metric.name` in OpenMetrics, where a family's name is without `_total`.
      name: metric.name,
      help: family.help,
      type: family.type,
      values: counted(name, linesAt, this.#scrape!),
    })
    const metric = { name, help: family.help, type: family.type, get }
    return metric as unknown as Metric
  }

  /** The numbers, and whose they are. */
  #read(): Scrape {
    const values = this.#board.values.slice(0, appAt(this.#board.appRows))
    const apps = Array.from({ length: this.#board.appRows }, (_, index) => this.#appRow(index, values))
    const processes = Array.from({ length: PROCESS_ROWS }, (_, index) => this.#processRow(index, values))
    const [own, ...runtimes] = processes.filter(row => row.present)
    return {
      now: Date.now(),
      values,
      series: new Map(),
      rows: {
        platform: [{ name: '', labels: {}, at: PLATFORM_AT, present: true, own: true, version: '' }],
        app: apps.filter(({ name }) => name !== ''),
        process: [own, ...runtimes].flatMap(row => (row ? { ...row, labels: { process: row.name } } : [])),
        runtime: runtimes,
      },
    }
  }

  #appRow(index: number, values: Float64Array): Row {
    const name = this.#board.text(rowNumber.app(index), TEXT.name)
    if (this.#appLabels[index]?.app !== name) this.#appLabels[index] = { app: name }
    const at = appAt(index)
    return {
      name,
      labels: this.#appLabels[index]!,
      at,
      present: this.#isCurrent(values[at + SNAPSHOT_CELL]!),
      own: index !== OTHER_ROW && index !== NONE_ROW,
      version: this.#board.text(rowNumber.app(index), TEXT.version),
    }
  }

  /** The platform's own process comes first. */
  #processRow(index: number, values: Float64Array): Row {
    const name = this.#board.text(rowNumber.process(index), TEXT.name)
    const at = processAt(index)
    const present = this.#isCurrent(values[at + SNAPSHOT_CELL]!)
    return { name, labels: { runtime: name }, at, present, own: true, version: '' }
  }

  /** Before the first snapshot nothing is. */
  #isCurrent(snapshot: number): boolean {
    return snapshot > 0 && snapshot === this.#board.snapshot
  }
}

/** Makes the lines of a family whose numbers are in the board. */
function linesOf(name: FamilyName, family: Family): (scrape: Scrape) => Iterable<Line> {
  const rowsOf = family.rowLabel ?? 'platform'
  const labelNames = Object.keys(family.labels)
  const cells = combinations(family).map((values, index) => ({
    offset: offsetOf(name) + index * cellsPerCombination(family),
    labels: Object.fromEntries(labelNames.map((label, at) => [label, values[at]!])),
    shownAtZero: family.startsAtZero?.(values) ?? true,
  }))
  if (family.buckets) {
    const bounds = [...family.buckets.map(String), '+Inf']
    const histograms = cells.map(cell => ({ ...cell, les: bounds.map(le => ({ ...cell.labels, le })) }))
    return scrape => histogramLines(name, histograms, scrape.rows[rowsOf], scrape.values)
  }
  return family.type === 'counter'
    ? scrape => counterLines(cells, scrape.rows[rowsOf], scrape.values)
    : scrape => gaugeLines(cells, scrape.rows[rowsOf], scrape.values)
}

interface Cell {
  offset: number
  labels: Labels
  shownAtZero: boolean
}

function* counterLines(cells: Cell[], rows: Row[], values: Float64Array): Generator<Line> {
  for (const row of rows) {
    for (const { offset, labels, shownAtZero } of cells) {
      const value = values[row.at + offset]!
      if (value !== 0 || (row.own && shownAtZero)) yield { labels: row.labels, sharedLabels: labels, value }
    }
  }
}

function* gaugeLines(cells: Cell[], rows: Row[], values: Float64Array): Generator<Line> {
  for (const row of rows) {
    if (!row.present) continue
    for (const { offset, labels } of cells) {
      const value = values[row.at + offset]!
      // A start time or a limit is said of one app, and is 0 in the row of all others.
      if (value !== 0 || row.own) yield { labels: row.labels, sharedLabels: labels, value }
    }
  }
}

/** The board counts each bucket by itself; shown is how many were at most each bound, as Prometheus wants it. */
function* histogramLines(
  name: string,
  histograms: (Cell & { les: Labels[] })[],
  rows: Row[],
  values: Float64Array,
): Generator<Line> {
  const metricName = `${name}_bucket`
  for (const { at, labels: rowLabels } of rows) {
    for (const { offset, labels, les } of histograms) {
      const begin = at + offset
      let total = 0
      for (let bucket = 0; bucket < les.length; bucket++) total += values[begin + bucket]!
      if (total === 0) continue
      let value = 0
      for (const [bucket, le] of les.entries()) {
        value += values[begin + bucket]!
        yield { metricName, labels: rowLabels, sharedLabels: le, value }
      }
      const sum = values[begin + les.length]!
      yield { metricName: `${name}_sum`, labels: rowLabels, sharedLabels: labels, value: sum }
      yield { metricName: `${name}_count`, labels: rowLabels, sharedLabels: labels, value: total }
    }
  }
}
