/**
 * Notices what other processes have changed in the store: polls its generation and tells when it has risen. While
 * the store does not answer nothing is told, and what is loaded goes on being served.
 */
import type { Store } from '../store/store.ts'

export interface GenerationWatchOptions {
  store: Pick<Store, 'generation'>
  pollMs: number
  /** Brings what is loaded up to date. Rejects if the store stops answering meanwhile: it is asked again. */
  onNews(): Promise<void>
}

export class GenerationWatch {
  readonly #options: GenerationWatchOptions
  #timer: NodeJS.Timeout | null = null
  #stopped = false
  /** Of the state that is served now. */
  generation = 0
  /** Milliseconds since the epoch. */
  appliedAt = 0

  constructor(options: GenerationWatchOptions) {
    this.#options = options
  }

  /** Rejects if the store does not answer. */
  async start(): Promise<void> {
    this.#apply(await this.#options.store.generation())
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => void this.#poll(), this.#options.pollMs)
    this.#timer.unref()
  }

  async #poll(): Promise<void> {
    try {
      const generation = await this.#options.store.generation()
      if (generation !== this.generation && !this.#stopped) {
        await this.#options.onNews()
        this.#apply(generation)
      }
    } catch {
      // The store says so itself, on its own channel; here the next poll is the remedy.
    }
    this.#schedule()
  }

  #apply(generation: number): void {
    this.generation = generation
    this.appliedAt = Date.now()
  }
}
