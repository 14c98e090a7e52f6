/**
 * Apps suspected of having brought a runtime down.
 *
 * The only suspect of a death may start again after a pause, which doubles with every further suspicion. Several
 * suspects are not punished, for most are innocent; but all of them are kept apart from now on, so that the next
 * death has one suspect. A new deploy clears an app's name, and so does good conduct.
 */
import { LRUCache } from 'lru-cache'
import { backoffMs } from './backoff.ts'

const PAUSE = { firstMs: 1000, maxMs: 60_000 }

/** After this long without a new suspicion all is forgotten. */
const FORGIVEN_MS = 600_000

interface Suspicion {
  /** Deaths of which the app was the only suspect. */
  count: number
  /** When it may start again, and when it is forgiven, on the scheduler's clock. */
  pausedUntil: number
  watchedUntil: number
}

export class Quarantine {
  readonly #now: () => number
  readonly #suspicions: LRUCache<string, Suspicion>

  /** `now` is in milliseconds; `max` bounds the apps remembered. */
  constructor({ now, max }: { now: () => number; max: number }) {
    this.#now = now
    this.#suspicions = new LRUCache({ max })
  }

  /** A runtime has died and these are the suspects. */
  suspect(apps: ReadonlySet<string>): void {
    const now = this.#now()
    for (const app of apps) {
      const known = this.isWatched(app) ? this.#suspicions.get(app) : undefined
      const { count = 0, pausedUntil = 0 } = known ?? {}
      const watchedUntil = now + FORGIVEN_MS
      const suspicion =
        apps.size === 1
          ? { count: count + 1, pausedUntil: now + backoffMs(count + 1, PAUSE), watchedUntil }
          : { count, pausedUntil, watchedUntil }
      this.#suspicions.set(app, suspicion)
    }
  }

  clear(app: string): void {
    this.#suspicions.delete(app)
  }

  /** How long the app may not start yet. */
  remainingMs(app: string): number {
    const known = this.#suspicions.peek(app)
    return known ? Math.max(0, known.pausedUntil - this.#now()) : 0
  }

  /** Whether the app is to be kept apart from others. */
  isWatched(app: string): boolean {
    const known = this.#suspicions.peek(app)
    return known !== undefined && known.watchedUntil > this.#now()
  }
}
