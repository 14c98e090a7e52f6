/**
 * Apps that are held to have brought a runtime down, and what is held against each.
 *
 * Whoever is proven to have done it is `quarantined`: it starts again after a pause, which doubles with every further
 * death, and only in a runtime of its own. Those who merely can have done it are mostly innocent: they are `suspected`,
 * which costs no pause but gives each a runtime of its own, where a further death is proof. A new deploy, an operator
 * or good conduct clears an app's name. After a second death a deploy ends the pause only, and the app is suspected:
 * who deploys again and again brings down no runtime that others are in. An app whose isolate alone was ended is none
 * of this.
 */
import { LRUCache } from 'lru-cache'
import type { RestartReason } from '../channels.ts'
import { backoffMs } from './backoff.ts'
import type { Verdict } from './blame.ts'

const PAUSE = { firstMs: 1000, maxMs: 60_000 }

/** Of an app that has caused so many deaths in the time for which it is watched, no deploy clears the name. */
const DEATHS_REMEMBERED = 2

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
  /** A deploy clears its name; else that ends the pause only. */
  clearedByDeploy: boolean
}

interface Record {
  reason: RestartReason
  deaths: number
  /** Of those, how many were before the last deploy. */
  pardoned: number
  /** Since the last deploy it may have caused one more. */
  isSuspect: boolean
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
        pardoned: known?.pardoned ?? 0,
        isSuspect: !isProven || (known?.isSuspect ?? false),
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

  /**
   * The app has been deployed anew. Returns what is held against it no more, or null if that changes nothing; of an app
   * that has been pardoned before some remains.
   */
  pardon(app: string): QuarantineInfo | null {
    const record = this.#known(app)
    const held = this.info(app)
    if (!record || !held) return null
    if (record.deaths === 0) return this.release(app)
    const isKnown = held.state === 'suspected' && !record.isSuspect
    Object.assign(record, { pardoned: record.deaths, isSuspect: false, pausedUntil: 0 })
    return isKnown ? null : held
  }

  /** Forgets the apps that have behaved for long enough, and returns what was held against them. */
  releaseDue(): QuarantineInfo[] {
    const now = this.#options.now()
    const due = [...this.#records].filter(([, { watchedUntil }]) => watchedUntil <= now)
    const held = due.map(([app]) => this.info(app))
    for (const [app] of due) this.#records.delete(app)
    return held.filter(info => info !== null)
  }

  /** How long the app may not start yet. */
  pauseMs(app: string): number {
    const known = this.#known(app)
    return known ? Math.max(0, known.pausedUntil - this.#options.now()) : 0
  }

  standing(app: string): Standing {
    const known = this.#known(app)
    return known ? standingOf(known) : 'good'
  }

  info(app: string): QuarantineInfo | null {
    const record = this.#records.peek(app)
    const state = record ? standingOf(record) : 'good'
    if (!record || state === 'good') return null
    const now = this.#options.now()
    const { reason, deaths, pausedUntil, watchedUntil } = record
    return {
      app,
      state,
      reason,
      deaths,
      pauseMs: Math.max(0, Math.ceil(pausedUntil - now)),
      releaseMs: Math.max(0, Math.ceil(watchedUntil - now)),
      clearedByDeploy: deaths < DEATHS_REMEMBERED,
    }
  }

  /** All that is held against anybody. */
  list(): QuarantineInfo[] {
    return [...this.#records.keys()]
      .flatMap(app => this.info(app) ?? [])
      .filter(({ releaseMs }) => releaseMs > 0)
  }

  #known(app: string): Record | null {
    if (this.#records.size === 0) return null
    const record = this.#records.peek(app)
    return record && record.watchedUntil > this.#options.now() ? record : null
  }
}

function standingOf({ deaths, pardoned, isSuspect }: Record): Standing {
  if (deaths > pardoned) return 'quarantined'
  return isSuspect || deaths >= DEATHS_REMEMBERED ? 'suspected' : 'good'
}
