/**
 * The apps in memory. However many requests ask for an app that is not, the store is read once. What falls out of
 * the LRU, or is replaced, drains its instances; it never fails a request in flight.
 */
import { LRUCache } from 'lru-cache'
import type { AppConfig } from '../app-config.ts'
import { type ColdStartReason, type EvictionReason, evictionChannel } from '../channels.ts'
import type { InstanceLimits } from '../runtime/messages.ts'
import type { AppRecord, Store, VersionRecord } from '../store/store.ts'
import type { InstancePool } from './instance-pool.ts'

/** An app as it is served now. */
export interface AppState {
  readonly name: string
  readonly version: VersionRecord
  readonly config: AppConfig
  readonly limits: InstanceLimits
  /** Milliseconds since the epoch: since when the scheduler has held this version. */
  readonly startTime: number
  readonly pool: InstancePool
}

export interface AppCacheOptions {
  store: Pick<Store, 'app'>
  max: number
  /** Makes the state of an app just read; `reason` is why it has no instance yet. */
  create(record: AppRecord, reason: ColdStartReason): AppState
}

/** Reads repeated because the state changed during them, before what was read is used all the same. */
const READS_MAX = 5

/** How many apps that have left are remembered, as a multiple of those that fit: for the reason of their return. */
const DEPARTED_FACTOR = 4

const REASON_OF_RETURN = { evict: 'evicted', redeployed: 'deploy', deleted: 'first' } satisfies Record<
  EvictionReason,
  ColdStartReason
>

export class AppCache {
  readonly #options: AppCacheOptions
  readonly #apps: LRUCache<string, AppState>
  readonly #departed: LRUCache<string, EvictionReason>
  readonly #pending = new Map<string, Promise<AppState | null>>()
  #epoch = 0
  /** Look-ups since start. */
  readonly counts = { hit: 0, miss: 0 }

  constructor(options: AppCacheOptions) {
    this.#options = options
    this.#departed = new LRUCache({ max: options.max * DEPARTED_FACTOR })
    this.#apps = new LRUCache<string, AppState>({
      max: options.max,
      disposeAfter: (app, name, reason) => {
        if (reason === 'evict') this.#depart(app, name, 'evict')
      },
    })
  }

  get size(): number {
    return this.#apps.size
  }

  /** Every app in memory; does not count as use. */
  values(): IterableIterator<AppState> {
    return this.#apps.values()
  }

  /** The app if it is in memory; counts as use. */
  get(name: string): AppState | undefined {
    const app = this.#apps.get(name)
    if (app) this.counts.hit++
    else this.counts.miss++
    return app
  }

  /** The app if it is in memory; does not count as use. */
  peek(name: string): AppState | undefined {
    return this.#apps.peek(name)
  }

  /** The app, read from the store if need be; null if there is none. Rejects if the store does. */
  load(name: string): Promise<AppState | null> {
    const app = this.#apps.get(name)
    if (app) return Promise.resolve(app)
    let pending = this.#pending.get(name)
    if (!pending) {
      pending = this.#read(name).finally(() => this.#pending.delete(name))
      this.#pending.set(name, pending)
    }
    return pending
  }

  /** Lets go of the app, if it is there: what is read from now on is new. */
  drop(name: string, reason: Exclude<EvictionReason, 'evict'>): void {
    this.#epoch++
    const app = this.#apps.peek(name)
    if (!app) return
    this.#apps.delete(name)
    this.#depart(app, name, reason)
  }

  async #read(name: string): Promise<AppState | null> {
    for (let reads = 1; ; reads++) {
      const epoch = this.#epoch
      const record = await this.#options.store.app(name)
      if (epoch !== this.#epoch && reads < READS_MAX) continue
      if (!record) return null
      const departed = this.#departed.get(name)
      const app = this.#options.create(record, departed ? REASON_OF_RETURN[departed] : 'first')
      this.#apps.set(name, app)
      return app
    }
  }

  #depart(app: AppState, name: string, reason: EvictionReason): void {
    this.#departed.set(name, reason)
    evictionChannel.publish({ app: name, reason })
    app.pool.retire(reason)
  }
}
