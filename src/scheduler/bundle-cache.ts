/** Bundles read from the store, kept for the next cold start as far as they fit, read once for all who ask. */
import { LRUCache } from 'lru-cache'
import type { Store } from '../store/store.ts'

export class BundleCache {
  readonly #store: Pick<Store, 'bundle'>
  readonly #cache: LRUCache<string, Buffer> | null
  readonly #pending = new Map<string, Promise<Buffer | null>>()

  constructor(store: Pick<Store, 'bundle'>, bytesMax: number) {
    this.#store = store
    this.#cache =
      bytesMax > 0
        ? new LRUCache({ maxSize: bytesMax, sizeCalculation: bundle => bundle.byteLength || 1 })
        : null
  }

  /** The bundle, or null if the store has none of that hash. Rejects if the store does. */
  get(hash: string): Promise<Buffer | null> {
    const cached = this.#cache?.get(hash)
    if (cached) return Promise.resolve(cached)
    let pending = this.#pending.get(hash)
    if (!pending) {
      pending = this.#read(hash).finally(() => this.#pending.delete(hash))
      this.#pending.set(hash, pending)
    }
    return pending
  }

  /** Nobody is expected to ask for it again. */
  forget(hash: string): void {
    this.#cache?.delete(hash)
  }

  async #read(hash: string): Promise<Buffer | null> {
    const bundle = await this.#store.bundle(hash)
    if (bundle) this.#cache?.set(hash, bundle)
    return bundle
  }
}
