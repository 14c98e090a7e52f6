/**
 * Apps suspected of having brought a runtime down. Each may start again after a pause that doubles with every
 * further suspicion; a new deploy clears its name, and so does good conduct.
 */
import { LRUCache } from 'lru-cache'
import { backoffMs } from './backoff.ts'

const PAUSE = { firstMs: 1000, maxMs: 60_000 }

/** After this long without a new suspicion the count starts over. */
const FORGIVEN_MS = 600_000

export class Quarantine {
  readonly #now: () => number
  readonly #suspects: LRUCache<string, { count: number; until: number }>

  /** `now` is in milliseconds; `max` bounds the apps remembered. */
  constructor({ now, max }: { now: () => number; max: number }) {
    this.#now = now
    this.#suspects = new LRUCache({ max })
  }

  suspect(app: string): void {
    const known = this.#suspects.get(app)
    const now = this.#now()
    const count = known && now - known.until < FORGIVEN_MS ? known.count + 1 : 1
    this.#suspects.set(app, { count, until: now + backoffMs(count, PAUSE) })
  }

  clear(app: string): void {
    this.#suspects.delete(app)
  }

  /** How long the app may not start yet. */
  remainingMs(app: string): number {
    const known = this.#suspects.peek(app)
    return known ? Math.max(0, known.until - this.#now()) : 0
  }
}
