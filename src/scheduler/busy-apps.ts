/**
 * Which apps use so much CPU time, their own or that of who carries their bytes or tries their versions out, that they
 * run in the background, so that those who need little of it find a core when they need one: the feedback of a
 * multilevel queue. It is no punishment. Who runs in the background has all that others leave and a share of what they
 * do not, and comes back when it has calmed down.
 *
 * An app that has no neighbour at work is not busy, whatever it does: nobody waits for it.
 */
import { LRUCache } from 'lru-cache'

/** Cores that a busy app uses, for so many beats in a row; one that uses fewer than the last figure is calm. */
const BUSY_CORES = 0.5
const BUSY_BEATS = 2
const CALM_CORES = 0.2

/**
 * Where all cores are taken nobody gets as much as he would use: there, one that has no less than an equal part of what
 * all use, and has run or waited to run for this share of the time.
 */
const BUSY_SHARE = 0.5

/**
 * Versions tried out in a second, each in an isolate that is made for it and that no instance's figures hold (8 ms of a
 * core, bench/run.ts cold-start): so many keep others waiting.
 */
const TRIALS_PER_SECOND = 4

/** Calm for so long, an app is busy no more. */
const CALM_MS = 10_000

export interface BusyAppsOptions {
  /** Milliseconds that only rise. */
  now: () => number
  /** Apps remembered; beyond it the one that was busy the longest ago is forgotten. */
  max: number
}

/** What a loaded app has used since the last beat. */
export interface AppUsage {
  name: string
  cpuMs: number
  /** The same of threads that serve all apps, for it. */
  servedMs: number
  /** Isolates of it that were running, or could have been: the sum of their shares of the time. */
  running: number
}

interface Record {
  beats: number
  busyUntil: number
}

export class BusyApps {
  readonly #now: () => number
  readonly #records: LRUCache<string, Record>
  /** Those that ran between the last two beats. */
  #atWork = new Set<string>()
  /** How many versions of each were tried out since the last beat. */
  readonly #trials = new Map<string, number>()
  #beatAt: number

  constructor({ now, max }: BusyAppsOptions) {
    this.#now = now
    this.#records = new LRUCache({ max })
    this.#beatAt = now()
  }

  has(app: string): boolean {
    const record = this.#records.peek(app)
    return record !== undefined && record.busyUntil > this.#now()
  }

  /** An instance of the app had to be ended for what it used. */
  overreached(app: string): void {
    if (this.hasNeighbour(app))
      this.#records.set(app, { beats: BUSY_BEATS, busyUntil: this.#now() + CALM_MS })
  }

  /** Whether another app ran between the last two beats. */
  hasNeighbour(app: string): boolean {
    return this.#atWork.size > (this.#atWork.has(app) ? 1 : 0)
  }

  /** A version of the app is tried out. */
  tried(app: string): void {
    this.#trials.set(app, (this.#trials.get(app) ?? 0) + 1)
  }

  /** Takes in what each loaded app has used since the last beat. Returns those that are busy now. */
  beat(apps: Iterable<AppUsage>): string[] {
    const now = this.#now()
    const sinceMs = Math.max(1, now - this.#beatAt)
    this.#beatAt = now
    const used = Array.from(apps, ({ name, cpuMs, servedMs, running }) => ({
      name,
      cores: (cpuMs + servedMs) / sinceMs,
      running,
    })).filter(({ cores }) => cores > 0)
    this.#atWork = new Set(used.map(({ name }) => name))
    const equalPart = used.reduce((sum, { cores }) => sum + cores, 0) / used.length
    for (const name of this.#trials.keys())
      if (!this.#atWork.has(name)) used.push({ name, cores: 0, running: 0 })
    for (const { name, cores, running } of used) {
      const wouldUseMore = running >= BUSY_SHARE && cores >= Math.max(CALM_CORES, equalPart)
      const triesMuch = (this.#trials.get(name) ?? 0) >= (TRIALS_PER_SECOND * sinceMs) / 1000
      this.#note(name, cores, cores >= BUSY_CORES || wouldUseMore || triesMuch)
    }
    this.#trials.clear()
    return [...this.#records.keys()].filter(app => this.has(app))
  }

  #note(app: string, cores: number, isMuch: boolean): void {
    const known = this.#records.peek(app)
    const beats = isMuch ? (known?.beats ?? 0) + 1 : 0
    const wasBusy = this.has(app)
    const isBusy = wasBusy ? isMuch || cores >= CALM_CORES : beats >= BUSY_BEATS && this.hasNeighbour(app)
    if (isBusy) this.#records.set(app, { beats, busyUntil: this.#now() + CALM_MS })
    else if (known) known.beats = beats
    else if (beats > 0) this.#records.set(app, { beats, busyUntil: 0 })
  }
}
