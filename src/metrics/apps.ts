/**
 * Which apps have series of their own: at most `appsMax`, the busiest; the rest are summed under `_other`.
 *
 * An app gets a row when it is first heard of and one is free. Every minute `rank` gives the rows of the apps
 * with the fewest requests to apps without a row that had more. No count is lost: a row's counts are added to
 * `_other` when it is taken away, and its next owner starts at 0. A deleted app's series go at once, with their
 * counts.
 */
import { appAt, type Board, rowNumber, TEXT } from './board.ts'
import { NO_APP, OTHER_APPS } from './families.ts'
import { COUNTED_APP_CELLS, cellsOfRow, offsetOf } from './layout.ts'

/** Rows with a fixed meaning. */
export const OTHER_ROW = 0
export const NONE_ROW = 1
const FIRST_ROW = 2

/** Apps without a row of which requests are counted, to find the busiest. */
const CANDIDATES_MAX = 10_000
/** A candidate must be that much busier than whom it replaces, lest two take turns. */
const BUSIER = 2
/** How long what a deleted app still had under way may come in without bringing its series back. */
const DELETED_MS = 120_000

const OVERFLOW = offsetOf('vitrine_metrics_overflow_total')

export class AppRows {
  readonly #board: Board
  readonly #rows = new Map<string, number>()
  readonly #free: number[] = []
  /** Requests since the last ranking, by row. */
  readonly #requests: Float64Array
  /** The version that each row's text says, to write only what has changed. */
  readonly #versions: string[] = []
  readonly #candidates = new Map<string, number>()
  /** When an app was deleted. */
  readonly #deleted = new Map<string, number>()
  readonly #now: () => number
  #lastApp = ''
  #lastRow = NONE_ROW

  constructor(board: Board, appsMax: number, now: () => number = Date.now) {
    this.#board = board
    this.#now = now
    this.#requests = new Float64Array(appsMax + FIRST_ROW)
    for (let row = appsMax + FIRST_ROW - 1; row >= FIRST_ROW; row--) this.#free.push(row)
    board.appRows = FIRST_ROW
    board.setText(rowNumber.app(OTHER_ROW), TEXT.name, OTHER_APPS)
    board.setText(rowNumber.app(NONE_ROW), TEXT.name, NO_APP)
  }

  /** Memory that holds `appsMax` apps and the fixed rows. */
  static rowsFor(appsMax: number): number {
    return appsMax + FIRST_ROW
  }

  /** The row in which to count for an app; empty for what belongs to none. */
  rowOf(app: string): number {
    if (app === this.#lastApp) return this.#lastRow
    const row = app === '' ? NONE_ROW : (this.#rows.get(app) ?? this.#admit(app))
    this.#lastApp = app
    this.#lastRow = row
    return row
  }

  /** The row of an app if it has one by now, otherwise that of all others. */
  knownRowOf(app: string): number {
    return this.#rows.get(app) ?? OTHER_ROW
  }

  /** Gives rows to those of `apps` that have none, while rows are free. */
  admitAll(apps: readonly { readonly name: string }[]): void {
    if (this.#free.length === 0) return
    for (const { name } of apps) {
      if (!this.#rows.has(name) && this.#admit(name) === OTHER_ROW && this.#free.length === 0) return
    }
  }

  setVersion(row: number, version: string): void {
    if (this.#versions[row] === version) return
    this.#versions[row] = version
    this.#board.setText(rowNumber.app(row), TEXT.version, version)
  }

  /** Notes that a request was counted in `row`, for the ranking. */
  ranked(app: string, row: number): void {
    if (row !== OTHER_ROW) this.#requests[row]!++
    else this.#want(app)
  }

  #want(app: string): void {
    if (this.#deleted.has(app)) return
    this.#board.values[OVERFLOW]!++
    const requests = this.#candidates.get(app)
    if (requests !== undefined) this.#candidates.set(app, requests + 1)
    else if (this.#candidates.size < CANDIDATES_MAX) this.#candidates.set(app, 1)
  }

  #admit(app: string): number {
    if (this.#deleted.has(app)) return OTHER_ROW
    const row = this.#free.pop()
    if (row === undefined) return OTHER_ROW
    this.#board.change(() => this.#assign(row, app))
    return row
  }

  #assign(row: number, app: string): void {
    this.#board.values.fill(0, appAt(row), appAt(row) + cellsOfRow('app'))
    this.#board.setText(rowNumber.app(row), TEXT.name, app)
    this.#versions[row] = ''
    this.#board.appRows = Math.max(this.#board.appRows, row + 1)
    this.#requests[row] = 0
    this.#rows.set(app, row)
    this.#candidates.delete(app)
    this.#forgetLast()
  }

  #forgetLast(): void {
    this.#lastApp = ''
    this.#lastRow = NONE_ROW
  }

  /** Gives rows to the busiest apps of the time since the last call. */
  rank(): void {
    for (const [app, at] of this.#deleted) if (this.#now() - at > DELETED_MS) this.#deleted.delete(app)
    if (this.#candidates.size > 0) this.#board.change(() => this.#replaceCalmest())
    this.#candidates.clear()
    this.#requests.fill(0)
    this.#forgetLast()
  }

  #replaceCalmest(): void {
    const busiest = [...this.#candidates].sort(([, a], [, b]) => b - a)
    const calmest = [...this.#rows].sort(([, a], [, b]) => this.#requests[a]! - this.#requests[b]!)
    for (const [place, [loser, row]] of calmest.entries()) {
      const [app, requests] = busiest[place] ?? ['', 0]
      if (requests <= BUSIER * this.#requests[row]!) break
      this.#addToOthers(row)
      this.#rows.delete(loser)
      this.#assign(row, app)
    }
  }

  #addToOthers(row: number): void {
    const { values } = this.#board
    for (const [from, to] of COUNTED_APP_CELLS) {
      for (let cell = from; cell < to; cell++) values[appAt(OTHER_ROW) + cell]! += values[appAt(row) + cell]!
    }
  }

  /** The app was deleted: its series go. What it still has under way counts as `_other`. */
  forget(app: string): void {
    // At most one entry for each app that the store could delete in DELETED_MS; the oldest gives way.
    if (this.#deleted.size >= CANDIDATES_MAX) this.#deleted.delete(this.#deleted.keys().next().value!)
    this.#deleted.set(app, this.#now())
    this.#candidates.delete(app)
    this.#forgetLast()
    const row = this.#rows.get(app)
    if (row === undefined) return
    this.#rows.delete(app)
    this.#free.push(row)
    this.#board.change(() => this.#board.setText(rowNumber.app(row), TEXT.name, ''))
  }

  /** The app was deployed: if it had been deleted, it may have series again. */
  welcome(app: string): void {
    this.#deleted.delete(app)
    this.#forgetLast()
  }
}
