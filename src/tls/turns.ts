/**
 * Who has the relay's thread next. A server may be its app's accomplice: what it sends is decrypted and verified in steps
 * that cannot be cut short, and a chain of 70 certificates with large exponents is one of 400 ms. So each app has one step
 * after the other, all apps in turn, and one that was long is paid for: its app waits for some time before it has the next.
 */

/** CPU time of a step that costs no pause, in ms: a handshake takes 1 to 3. */
const FREE_MS = 5

/** The pause, in times of what a longer one took: in the end its app has less than this part of the thread. */
const PAUSE_FACTOR = 20

interface Line {
  readonly steps: (() => void)[]
  pausedUntil: number
}

export interface FairTurnsOptions {
  /** CPU time of this thread, in ms. */
  cpuMs?(): number
  /** In ms. */
  now?(): number
}

export class FairTurns {
  readonly #cpuMs: () => number
  readonly #now: () => number
  /** By app: those that have steps to come or are paused. */
  readonly #lines = new Map<string, Line>()
  #scheduled = false
  #timer: NodeJS.Timeout | null = null

  constructor({ cpuMs = threadCpuMs, now = () => performance.now() }: FairTurnsOptions = {}) {
    this.#cpuMs = cpuMs
    this.#now = now
  }

  /** Runs `step` when it is the app's turn, and after all that it has asked for before. */
  take(app: string, step: () => void): void {
    const line = this.#lines.get(app) ?? { steps: [], pausedUntil: 0 }
    this.#lines.set(app, line)
    line.steps.push(step)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#round())
  }

  /** One step of each app that may have one. */
  #round(): void {
    this.#scheduled = false
    let wakeAt = Number.POSITIVE_INFINITY
    for (const [app, line] of this.#lines) {
      const now = this.#now()
      if (line.pausedUntil <= now && line.steps.length > 0) this.#step(line)
      if (line.pausedUntil > now) wakeAt = Math.min(wakeAt, line.pausedUntil)
      else if (line.steps.length > 0) this.#schedule()
      else this.#lines.delete(app)
    }
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = Number.isFinite(wakeAt)
      ? setTimeout(() => this.#round(), Math.max(1, wakeAt - this.#now())).unref()
      : null
  }

  #step(line: Line): void {
    const before = this.#cpuMs()
    line.steps.shift()!()
    const tookMs = this.#cpuMs() - before
    if (tookMs > FREE_MS) line.pausedUntil = this.#now() + tookMs * PAUSE_FACTOR
  }
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
