/**
 * Who has a thread next that works for many apps, in steps that nobody can cut short. Each app may use so much of it in one
 * turn of the event loop; what it wants beyond that waits for the next, where everybody has theirs.
 */

export interface FairTurnsOptions {
  /** What an app may use in one turn before its steps wait, in ms. Default: 2. */
  turnMs?: number
  /**
   * An app whose step took longer than this, in ms, waits for so many times as long before it has the next. Default: none
   * does.
   */
  pause?: { afterMs: number; factor: number }
  /** What steps are measured by, in ms. Default: `now`. */
  usedMs?(): number
  /** In ms. */
  now?(): number
}

/** What cannot be cut short. */
export interface Step {
  run(): void
  /** It has run, and took so long, in ms. Says how much of that counts for a pause; by default all of it does. */
  ran?(tookMs: number): number
}

interface Line {
  readonly steps: Step[]
  /** In the turn under way. */
  usedMs: number
  pausedUntil: number
}

export class FairTurns {
  readonly #turnMs: number
  readonly #pause: NonNullable<FairTurnsOptions['pause']>
  readonly #usedMs: () => number
  readonly #now: () => number
  /** By app: those that have used something in this turn, have steps to come or are paused. */
  readonly #lines = new Map<string, Line>()
  #scheduled = false
  #timer: NodeJS.Timeout | null = null

  constructor({ turnMs = 2, pause, now = () => performance.now(), usedMs = now }: FairTurnsOptions = {}) {
    this.#turnMs = turnMs
    this.#pause = pause ?? { afterMs: Number.POSITIVE_INFINITY, factor: 0 }
    this.#usedMs = usedMs
    this.#now = now
  }

  /** Runs `step`: now, or when it is the app's turn, after all that it has asked for before. */
  take(app: string, step: Step): void {
    const line = this.#line(app)
    if (line.steps.length === 0 && this.#mayRun(line)) this.#run(line, step)
    else line.steps.push(step)
  }

  /** As `take`, but never now. */
  queue(app: string, step: Step): void {
    this.#line(app).steps.push(step)
  }

  #line(app: string): Line {
    this.#schedule()
    let line = this.#lines.get(app)
    if (!line) {
      line = { steps: [], usedMs: 0, pausedUntil: 0 }
      this.#lines.set(app, line)
    }
    return line
  }

  #mayRun({ usedMs, pausedUntil }: Line): boolean {
    return usedMs < this.#turnMs && (pausedUntil === 0 || pausedUntil <= this.#now())
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#turn())
  }

  /** A new turn for everyone. */
  #turn(): void {
    this.#scheduled = false
    let wakeAt = Number.POSITIVE_INFINITY
    for (const [app, line] of this.#lines) {
      line.usedMs = 0
      while (line.steps.length > 0 && this.#mayRun(line)) this.#run(line, line.steps.shift()!)
      if (line.pausedUntil > this.#now()) wakeAt = Math.min(wakeAt, line.pausedUntil)
      else if (line.usedMs > 0) this.#schedule()
      else this.#lines.delete(app)
    }
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (wakeAt === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(() => this.#turn(), Math.max(1, wakeAt - this.#now())).unref()
  }

  #run(line: Line, step: Step): void {
    const before = this.#usedMs()
    step.run()
    const tookMs = this.#usedMs() - before
    line.usedMs += tookMs
    const countsMs = step.ran?.(tookMs) ?? tookMs
    if (countsMs > this.#pause.afterMs) line.pausedUntil = this.#now() + countsMs * this.#pause.factor
  }
}

/** CPU time of this thread, in ms. */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
