/**
 * The shared memory between the main thread, which counts, and the metrics thread, which shows: numbers in
 * rows (layout.ts), and the texts that name the rows.
 *
 * Counting is a plain addition to a double; an aligned double is read whole, so a reader sees each number as it
 * was a moment ago. Changes of which row belongs to whom go through `change`, and `read` never sees half of one.
 */
import { cellsOfRow, PROCESS_ROWS } from './layout.ts'

/** Which texts a row has. `version` of an app row; `reason` (why not ready) of the platform's row. */
export const TEXT = { name: 0, version: 1, reason: 1 } as const
const TEXT_BYTES = 256
const TEXTS_PER_ROW = 2

const CONTROL = { sequence: 0, snapshot: 1, ready: 2, appRows: 3 } as const
/** A main thread that dies within a change leaves it unfinished: readers then take what there is. */
const READ_ATTEMPTS = 100

export interface BoardMemory {
  readonly control: SharedArrayBuffer
  readonly heartbeat: SharedArrayBuffer
  readonly values: SharedArrayBuffer
  readonly texts: SharedArrayBuffer
}

export class Board {
  readonly memory: BoardMemory
  readonly values: Float64Array
  readonly #texts: Buffer
  readonly #control: Int32Array
  readonly #heartbeat: Float64Array

  constructor(memory: BoardMemory) {
    this.memory = memory
    this.values = new Float64Array(memory.values)
    this.#texts = Buffer.from(memory.texts)
    this.#control = new Int32Array(memory.control)
    this.#heartbeat = new Float64Array(memory.heartbeat)
  }

  /** Memory for `appRows` apps. The system gives pages of it only as they are written. */
  static allocate(appRows: number): BoardMemory {
    return {
      control: new SharedArrayBuffer(Object.keys(CONTROL).length * Int32Array.BYTES_PER_ELEMENT),
      heartbeat: new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT),
      values: new SharedArrayBuffer(appAt(appRows) * Float64Array.BYTES_PER_ELEMENT),
      texts: new SharedArrayBuffer(rowNumber.app(appRows) * TEXTS_PER_ROW * TEXT_BYTES),
    }
  }

  /** Runs `write`, which may name, clear and reassign rows, as one change. Main thread only; not nested. */
  change(write: () => void): void {
    Atomics.add(this.#control, CONTROL.sequence, 1)
    try {
      write()
    } finally {
      Atomics.add(this.#control, CONTROL.sequence, 1)
      Atomics.notify(this.#control, CONTROL.sequence)
    }
  }

  /** Runs `reader` until no change came between. May sleep for milliseconds: not for the main thread. */
  read<T>(reader: () => T): T {
    for (let attempt = 1; ; attempt++) {
      const before = Atomics.load(this.#control, CONTROL.sequence)
      const changing = before % 2 !== 0
      if (changing && attempt < READ_ATTEMPTS) {
        Atomics.wait(this.#control, CONTROL.sequence, before, 1)
        continue
      }
      const result = reader()
      // A read-modify-write: unlike a load, it cannot be ordered before what the reader read.
      const unchanged = Atomics.add(this.#control, CONTROL.sequence, 0) === before
      if (unchanged || attempt >= READ_ATTEMPTS) return result
    }
  }

  text(row: number, which: number): string {
    const at = (row * TEXTS_PER_ROW + which) * TEXT_BYTES
    return this.#texts.toString('utf8', at + 1, at + 1 + this.#texts[at]!)
  }

  setText(row: number, which: number, text: string): void {
    const at = (row * TEXTS_PER_ROW + which) * TEXT_BYTES
    this.#texts[at] = this.#texts.write(text, at + 1, TEXT_BYTES - 1)
  }

  /** How many of the rows of apps have ever been used: those after them are empty. */
  get appRows(): number {
    return this.#control[CONTROL.appRows]!
  }
  set appRows(count: number) {
    this.#control[CONTROL.appRows] = count
  }

  /** Gauges of apps and processes that bear this number are current; others are of what has gone. */
  get snapshot(): number {
    return this.#control[CONTROL.snapshot]!
  }
  set snapshot(number: number) {
    this.#control[CONTROL.snapshot] = number
  }

  /** Tells the metrics thread that the main loop turns, and whether it would take requests. */
  beat({ ok, reason }: { ok: boolean; reason: string }): void {
    this.#heartbeat[0] = monotonicMs()
    this.setText(rowNumber.platform, TEXT.reason, reason)
    this.#control[CONTROL.ready] = ok ? 1 : 0
  }

  /** How long ago the main loop last turned, in ms, and what it said then. */
  get health(): { sinceBeatMs: number; ready: boolean; reason: string } {
    return {
      sinceBeatMs: monotonicMs() - this.#heartbeat[0]!,
      ready: this.#control[CONTROL.ready] === 1,
      reason: this.text(rowNumber.platform, TEXT.reason),
    }
  }
}

/** A clock that all threads share and that nobody sets: the wall clock's jumps are no news of the main loop. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

/** Numbers of rows for texts: the platform's, then processes', then apps'. */
export const rowNumber = {
  platform: 0,
  process: (index: number) => 1 + index,
  app: (index: number) => 1 + PROCESS_ROWS + index,
}

/** Where the cells of a row begin. */
export const PLATFORM_AT = 0
export function processAt(index: number): number {
  return cellsOfRow('platform') + index * cellsOfRow('process')
}
export function appAt(index: number): number {
  return cellsOfRow('platform') + PROCESS_ROWS * cellsOfRow('process') + index * cellsOfRow('app')
}
