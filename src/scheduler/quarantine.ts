/**
 * Apps that are held to have brought a runtime down, and what is held against each.
 *
 * Whoever is proven to have done it is `quarantined`: it starts again after a pause, which doubles with every further
 * death, and only in a runtime of its own. Those who merely can have done it are mostly innocent: they are `suspected`,
 * which costs no pause but gives each a runtime of its own, where a further death is proof. A new deploy, an operator
 * or good conduct clears an app's name. An app whose isolate alone was ended is none of this.
 */
import { LRUCache } from 'lru-cache'
import type { RestartReason } from '../channels.ts'
import { backoffMs } from './backoff.ts'
import type { Verdict } from './blame.ts'

const PAUSE = { firstMs: 1000, maxMs: 60_000 }

/** How an app is to be placed. */
export type Standing = 'good' | 'suspected' | 'quarantined'

/** What is held against an app: for people. */
export interface QuarantineInfo {
  app: string
  state: Exclude<Standing, 'good'>
  /** Of the last death. */
  reason: RestartReason
  /** Deaths that it has certainly caused. */
  deaths: number
  /** In how long it may start again; 0: now. */
  pauseMs: number
  /** In how long it is forgiven, if nothing happens. */
  releaseMs: number
}

interface Record {
  reason: RestartReason
  deaths: number
  /** On the scheduler's clock. */
  pausedUntil: number
  watchedUntil: number
}

export interface QuarantineOptions {
  /** Milliseconds that only rise. */
  now: () => number
  /** Apps remembered; beyond it the one that was suspected the longest ago is forgotten. */
  max: number
  /** After this long without a further death an app is forgiven. */
  goodConductMs: number
}

export class Quarantine {
  readonly #options: QuarantineOptions
  readonly #records: LRUCache<string, Record>

  constructor(options: QuarantineOptions) {
    this.#options = options
    this.#records = new LRUCache({ max: options.max })
  }

  /** A runtime has died for this reason. */
  hold({ apps, isProven }: Verdict, reason: RestartReason): void {
    const now = this.#options.now()
    for (const app of apps) {
      const known = this.#known(app)
      const deaths = (known?.deaths ?? 0) + (isProven ? 1 : 0)
      const pauseMs = isProven ? backoffMs(deaths, PAUSE) : 0
      this.#records.set(app, {
        reason,
        deaths,
        pausedUntil: Math.max(known?.pausedUntil ?? 0, now + pauseMs),
        watchedUntil: now + this.#options.goodConductMs,
      })
    }
  }

  /** Forgets what is held against the app; returns it, or null if there was nothing. */
  release(app: string): QuarantineInfo | null {
    const known = this.info(app)
    this.#records.delete(app)
    return known
  }

  /** Forgets the apps that have behaved for long enough, and returns what was held against them. */
  releaseDue(): QuarantineInfo[] {
    const due = [...this.#records.keys()].map(app => this.info(app)!).filter(info => info.releaseMs <= 0)
    for (const { app } of due) this.#records.delete(app)
    return due
  }

  /** How long the app may not start yet. */
  pauseMs(app: string): number {
    const known = this.#known(app)
    return known ? Math.max(0, known.pausedUntil - this.#options.now()) : 0
  }

  standing(app: string): Standing {
    const known = this.#known(app)
    if (!known) return 'good'
    return known.deaths > 0 ? 'quarantined' : 'suspected'
  }

  info(app: string): QuarantineInfo | null {
    const record = this.#records.peek(app)
    if (!record) return null
    const now = this.#options.now()
    const { reason, deaths, pausedUntil, watchedUntil } = record
    return {
      app,
      state: deaths > 0 ? 'quarantined' : 'suspected',
      reason,
      deaths,
      pauseMs: Math.max(0, Math.ceil(pausedUntil - now)),
      releaseMs: Math.max(0, Math.ceil(watchedUntil - now)),
    }
  }

  /** All that is held against anybody. */
  list(): QuarantineInfo[] {
    return [...this.#records.keys()].map(app => this.info(app)!).filter(info => info.releaseMs > 0)
  }

  #known(app: string): Record | null {
    if (this.#records.size === 0) return null
    const record = this.#records.peek(app)
    return record && record.watchedUntil > this.#options.now() ? record : null
  }
}
