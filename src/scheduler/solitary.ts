/**
 * Runtimes for one app each, for apps that may have brought one down: whatever such an app does next, it is alone.
 *
 * Each is made when its app is to be started and ends when the app has not been there for a while. There are few:
 * where all are taken, one whose app is idle makes room.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Runtime } from './runtime.ts'

export interface SolitaryOptions {
  /** How many there may be. */
  max: number
  /** What their ids begin with. */
  prefix: string
  /** One that has been empty for this long ends. */
  emptyMsMax: number
  /** Its next life begins this long after the last one did, at the earliest: a start takes a core from everybody. */
  everyMs: number
  /** Whether it holds much more than its apps: then it ends when it has been empty for a moment. */
  isWasteful(runtime: Runtime): boolean
  create(id: string, tenant: string): Runtime
  /** One life of a runtime. Rejects if it does not come up. */
  live(runtime: Runtime): Promise<void>
  /** A runtime does not come up. */
  onStartFailed(error: Error, runtime: string): void
  /** There is room for another: who waits may try again. */
  onRoom(): void
  /** Milliseconds that only rise. @default performance.now */
  now?: () => number
}

interface Cell {
  runtime: Runtime
  /** When somebody last asked for it. */
  wantedAt: number
  over: Promise<void>
}

/** One that is empty and holds much all the same is kept for so long, for an app that is about to come back. */
const WASTEFUL_MS_MAX = 5000

/** After one that did not come up, its app waits this long for another. */
const RETRY_MS = 1000

export class SolitaryRuntimes implements AsyncDisposable {
  readonly #options: SolitaryOptions
  readonly #now: () => number
  readonly #cells = new Map<string, Cell>()
  readonly #stop = new AbortController()

  constructor(options: SolitaryOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  get runtimes(): Runtime[] {
    return Array.from(this.#cells.values(), cell => cell.runtime)
  }

  /** The app's runtime; null while it is coming up; `full` if there can be none at the moment. */
  place(app: string): Runtime | null | 'full' {
    const known = this.#cells.get(app)
    if (known) {
      known.wantedAt = this.#now()
      return known.runtime.up ? known.runtime : null
    }
    if (this.#stop.signal.aborted || (this.#cells.size >= this.#options.max && !this.#makeRoom()))
      return 'full'
    if (this.#cells.size < this.#options.max) this.#open(app)
    return null
  }

  /** Housekeeping: ends those whose app has gone. */
  beat(): void {
    const { emptyMsMax, isWasteful } = this.#options
    const now = this.#now()
    for (const { runtime, wantedAt } of this.#cells.values()) {
      if (!runtime.up || runtime.instances.size > 0) continue
      const keptMs = isWasteful(runtime) ? Math.min(WASTEFUL_MS_MAX, emptyMsMax) : emptyMsMax
      if (now - wantedAt > keptMs) runtime.shutDown()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    const cells = [...this.#cells.values()]
    for (const { runtime } of cells) runtime.shutDown()
    await Promise.all(cells.map(cell => cell.over))
  }

  #open(app: string): void {
    const taken = new Set(this.runtimes.map(runtime => runtime.id))
    let number = 0
    const { prefix, create } = this.#options
    while (taken.has(`${prefix}${number}`)) number++
    const runtime = create(`${prefix}${number}`, app)
    this.#cells.set(app, { runtime, wantedAt: this.#now(), over: this.#run(app, runtime) })
  }

  async #run(app: string, runtime: Runtime): Promise<void> {
    const { signal } = this.#stop
    const next = this.#now() + this.#options.everyMs
    let pauseMs = 0
    try {
      await this.#options.live(runtime)
    } catch (error) {
      if (!signal.aborted) this.#options.onStartFailed(error as Error, runtime.id)
      pauseMs = RETRY_MS
    }
    pauseMs = Math.max(pauseMs, next - this.#now())
    // Timers cut fractions off.
    if (pauseMs > 0) await delay(Math.ceil(pauseMs), undefined, { signal }).catch(() => {})
    this.#cells.delete(app)
    if (!signal.aborted) this.#options.onRoom()
  }

  /** Ends the one whose app is idle and was wanted the longest ago. Whether there is one. */
  #makeRoom(): boolean {
    const idle = [...this.#cells.values()].filter(({ runtime }) => runtime.up && isIdle(runtime))
    if (idle.length === 0) return false
    idle.reduce((a, b) => (b.wantedAt < a.wantedAt ? b : a)).runtime.shutDown()
    return true
  }
}

function isIdle({ instances }: Runtime): boolean {
  return [...instances.values()].every(instance => instance.started && instance.inFlight === 0)
}
