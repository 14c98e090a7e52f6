/**
 * The responses that apps have put into their caches, in memory and bounded: in all, and of each app. Whoever wants
 * more gives its own oldest entries for it; when all of it is full, the app that holds the most does.
 */
import { LRUCache } from 'lru-cache'

export interface Entry {
  status: number
  statusText: string
  /** Flat: name, value, …; names in lower case. */
  headers: string[]
  /** The body's pieces, in order. */
  body: readonly Buffer[]
  bodyBytes: number
  /** Milliseconds, as the clock of the entries has them. */
  storedAt: number
  expiresAt: number
}

export interface EntriesOptions {
  now: () => number
  bytesMax: number
  appBytesMax: number
  /** An entry had to go for another one. */
  onEvicted: (app: string) => void
}

/** What an entry takes besides its texts and its body. */
const ENTRY_BYTES = 1024

export class Entries {
  readonly #options: EntriesOptions
  readonly #apps = new Map<string, LRUCache<string, Entry>>()
  #bytes = 0

  constructor(options: EntriesOptions) {
    this.#options = options
  }

  /** Of all entries. */
  get bytes(): number {
    return this.#bytes
  }

  /** Null if there is none that is fresh. */
  get(app: string, key: string): Entry | null {
    const entry = this.#apps.get(app)?.get(key)
    if (!entry) return null
    if (entry.expiresAt > this.#options.now()) return entry
    this.delete(app, key)
    return null
  }

  /** Whether it was kept: an entry larger than an app's share is not. */
  set(app: string, key: string, entry: Entry): boolean {
    const cache = this.#cacheOf(app)
    cache.set(key, entry)
    const isKept = cache.has(key)
    if (isKept) this.#bytes += sizeOf(entry, key)
    while (this.#bytes > this.#options.bytesMax) this.#evictFromLargest()
    this.#forgetIfEmpty(app, cache)
    return isKept
  }

  /** Whether there was one. */
  delete(app: string, key: string): boolean {
    const cache = this.#apps.get(app)
    const isThere = cache?.delete(key) ?? false
    if (cache) this.#forgetIfEmpty(app, cache)
    return isThere
  }

  /** Forgets all that an app has put. */
  drop(app: string): void {
    const cache = this.#apps.get(app)
    cache?.clear()
    this.#apps.delete(app)
  }

  #cacheOf(app: string): LRUCache<string, Entry> {
    const known = this.#apps.get(app)
    if (known) return known
    const cache = new LRUCache<string, Entry>({
      maxSize: Math.min(this.#options.appBytesMax, this.#options.bytesMax),
      sizeCalculation: sizeOf,
      dispose: (entry, key, reason) => {
        this.#bytes -= sizeOf(entry, key)
        if (reason === 'evict') this.#options.onEvicted(app)
      },
    })
    this.#apps.set(app, cache)
    return cache
  }

  #evictFromLargest(): void {
    let largest: [string, LRUCache<string, Entry>] | null = null
    for (const one of this.#apps) {
      if (largest === null || one[1].calculatedSize > largest[1].calculatedSize) largest = one
    }
    const [app, cache] = largest!
    cache.pop()
    this.#forgetIfEmpty(app, cache)
  }

  #forgetIfEmpty(app: string, cache: LRUCache<string, Entry>): void {
    if (cache.size === 0) this.#apps.delete(app)
  }
}

function sizeOf({ headers, bodyBytes }: Entry, key: string): number {
  let bytes = ENTRY_BYTES + key.length + bodyBytes
  for (const text of headers) bytes += text.length
  return bytes
}
