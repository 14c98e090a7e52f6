/** Stacks that apps throw, or write to their consoles, shown in terms of their sources before anybody hears of them. */
import { LRUCache } from 'lru-cache'
import { type BundleModule, decodeBundle } from '../bundle.ts'
import type { StackMapper } from '../stack-mapper.ts'

export interface AppStacksOptions {
  stacks: Pick<StackMapper, 'hasNone' | 'map'>
  /** A packed bundle of the app, or null if the store has none of that hash. May reject. */
  bundle(app: string, hash: string): Promise<Buffer | null>
  /** Milliseconds that only rise. */
  now(): number
}

/** Of an app; the stacks it has besides are told as they are. */
const MAPPED = { max: 10, ms: 1000 }
/** A bundle may have to be read from the store, by the thread that carries requests. */
const READ = { max: 3, ms: 10_000 }
/** So many apps are remembered. */
const APPS_MAX = 10_000
/** A place in a module, which may be one in a source. */
const PLACE = /:\d+:\d/

/** So many in a while. */
class Share {
  readonly #limits: { max: number; ms: number }
  #since = Number.NEGATIVE_INFINITY
  #count = 0

  constructor(limits: { max: number; ms: number }) {
    this.#limits = limits
  }

  /** Whether one more is among them. */
  take(now: number): boolean {
    const { max, ms } = this.#limits
    if (now - this.#since >= ms) {
      this.#since = now
      this.#count = 0
    }
    return ++this.#count <= max
  }
}

export class AppStacks {
  readonly #options: AppStacksOptions
  readonly #shares = new LRUCache<string, { mapped: Share; read: Share }>({ max: APPS_MAX })
  readonly #pending = new Set<Promise<string>>()

  constructor(options: AppStacksOptions) {
    this.#options = options
  }

  /** The stack as it is to be shown; null: as it is. Never rejects. */
  shown(app: string, hash: string, stack: string): Promise<string> | null {
    const { stacks, now } = this.#options
    if (!PLACE.test(stack) || stacks.hasNone(hash)) return null
    const shares = this.#shares.get(app) ?? { mapped: new Share(MAPPED), read: new Share(READ) }
    this.#shares.set(app, shares)
    if (!shares.mapped.take(now())) return null
    const shown = stacks.map(stack, {
      hash,
      modules: async () => (shares.read.take(now()) ? await this.#modules(app, hash) : null),
    })
    this.#pending.add(shown)
    void shown.finally(() => this.#pending.delete(shown))
    return shown
  }

  /** Resolves when all that was asked for has been answered. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending)
  }

  async #modules(app: string, hash: string): Promise<BundleModule[] | null> {
    const packed = await this.#options.bundle(app, hash)
    return packed && decodeBundle(packed)
  }
}
