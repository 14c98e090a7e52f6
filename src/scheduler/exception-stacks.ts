/** Exceptions of apps that run, shown in terms of their sources before anybody hears of them. */
import { LRUCache } from 'lru-cache'
import { decodeBundle } from '../bundle.ts'
import type { StackMapper } from '../stack-mapper.ts'

export interface ExceptionStacksOptions {
  stacks: Pick<StackMapper, 'map'>
  /** The packed bundle, or null if the store has none of that hash. May reject. */
  bundle(hash: string): Promise<Buffer | null>
  /** Milliseconds that only rise. */
  now(): number
}

/** Of an app, in a second; what it throws besides is told as it is. */
const MAPPED_PER_SECOND_MAX = 10
/** So many apps, and bundles without source maps, are remembered. */
const REMEMBERED_MAX = 10_000
/** A place in a module, which may be one in a source. */
const PLACE = /:\d+:\d/

export class ExceptionStacks {
  readonly #options: ExceptionStacksOptions
  /** By app: when the second began, and what was mapped in it. */
  readonly #seconds = new LRUCache<string, { since: number; count: number }>({ max: REMEMBERED_MAX })
  /** By hash of the bundle. */
  readonly #withoutMaps = new LRUCache<string, true>({ max: REMEMBERED_MAX })
  readonly #pending = new Set<Promise<string>>()

  constructor(options: ExceptionStacksOptions) {
    this.#options = options
  }

  /** The stack as it is to be shown; null: as it is. Never rejects. */
  shown(app: string, hash: string, stack: string): Promise<string> | null {
    if (!PLACE.test(stack) || this.#withoutMaps.has(hash) || !this.#mayMap(app)) return null
    const shown = this.#map(hash, stack)
    this.#pending.add(shown)
    void shown.finally(() => this.#pending.delete(shown))
    return shown
  }

  /** Resolves when all that was asked for has been answered. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending)
  }

  async #map(hash: string, stack: string): Promise<string> {
    const { stacks, bundle } = this.#options
    const packed = await bundle(hash).catch(() => null)
    const modules = packed ? decodeBundle(packed) : []
    if (modules.some(({ type }) => type === 'sourcemap')) return await stacks.map(stack, { hash, modules })
    if (packed) this.#withoutMaps.set(hash, true)
    return stack
  }

  #mayMap(app: string): boolean {
    const now = this.#options.now()
    const second = this.#seconds.get(app)
    if (second && now - second.since < 1000) return ++second.count <= MAPPED_PER_SECOND_MAX
    this.#seconds.set(app, { since: now, count: 1 })
    return true
  }
}
