/** Apps' bundles read from the store, kept for the next cold start as far as they fit, read once for all who ask. */
import { LRUCache } from 'lru-cache'
import type { Store } from '../store/store.ts'

export class BundleCache {
  readonly #store: Pick<Store, 'bundle'>
  /** By app, of each the last that was asked for: what a version before it had is hardly ever asked for again. */
  readonly #cache: LRUCache<string, { hash: string; bundle: Buffer }> | null
  /** By hash. */
  readonly #pending = new Map<string, Promise<Buffer | null>>()

  constructor(store: Pick<Store, 'bundle'>, bytesMax: number) {
    this.#store = store
    this.#cache =
      bytesMax > 0
        ? new LRUCache({ maxSize: bytesMax, sizeCalculation: ({ bundle }) => bundle.byteLength || 1 })
        : null
  }

  get bytes(): number {
    return this.#cache?.calculatedSize ?? 0
  }

  /** The bundle, or null if the store has none of that hash. Rejects if the store does. */
  async get(app: string, hash: string): Promise<Buffer | null> {
    const cached = this.#cache?.get(app)
    if (cached?.hash === hash) return cached.bundle
    const bundle = await this.#read(hash)
    if (bundle) this.#cache?.set(app, { hash, bundle })
    return bundle
  }

  /** Nobody is expected to ask for what the app has so far. */
  forget(app: string): void {
    this.#cache?.delete(app)
  }

  #read(hash: string): Promise<Buffer | null> {
    let pending = this.#pending.get(hash)
    if (!pending) {
      pending = this.#store.bundle(hash).finally(() => this.#pending.delete(hash))
      this.#pending.set(hash, pending)
    }
    return pending
  }
}
