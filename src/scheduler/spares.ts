/**
 * Runtime processes that wait, warm, for their use: whoever takes one has no process to start.
 *
 * A spare costs some 70 MB, so none is kept until a runtime has been in trouble for the first time: a platform that
 * never sees any stays small. Its first death costs a process start, during which the other runtimes serve. After
 * `QUIET_MS` without trouble the spares go again.
 */
import { backoffMs } from './backoff.ts'
import type { RuntimeProcess } from './runtime-process.ts'

export interface SparesOptions {
  /** How many are kept. */
  count: number
  /** Starts one. Rejects if it does not come up. */
  launch(): Promise<RuntimeProcess>
  /** What keeps a spare from coming up. */
  log(line: string): void
}

const QUIET_MS = 600_000
const RETRY_BACKOFF = { firstMs: 1000, maxMs: 60_000 }

export class Spares implements AsyncDisposable {
  readonly #options: SparesOptions
  readonly #ready = new Set<RuntimeProcess>()
  readonly #pending = new Set<Promise<void>>()
  #armedUntil = 0
  #failures = 0
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor(options: SparesOptions) {
    this.#options = options
  }

  /** Resident memory of those that wait. */
  get rssBytes(): number {
    let sum = 0
    for (const spare of this.#ready) sum += spare.rssBytes()
    return sum
  }

  /** How many wait. */
  get size(): number {
    return this.#ready.size
  }

  /** There is trouble: from now on spares are kept ready. */
  arm(): void {
    if (this.#stopped || this.#options.count === 0) return
    this.#armedUntil = performance.now() + QUIET_MS
    if (this.#timer === null) this.#fill()
    this.#timer ??= setInterval(() => this.#check(), QUIET_MS / 10).unref()
  }

  /** A warm process if there is one, else a new one. Rejects if that does not come up. */
  take(): Promise<RuntimeProcess> {
    const [spare] = this.#ready
    if (!spare) return this.#options.launch()
    this.#ready.delete(spare)
    this.#fill()
    return Promise.resolve(spare)
  }

  /** Ends the spares. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    this.#disarm()
    await Promise.all(this.#pending)
    await this.#clear()
  }

  #check(): void {
    if (performance.now() < this.#armedUntil) return this.#fill()
    this.#disarm()
    void this.#clear()
  }

  #disarm(): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
    this.#armedUntil = 0
  }

  async #clear(): Promise<void> {
    const spares = [...this.#ready]
    this.#ready.clear()
    await Promise.all(spares.map(spare => spare[Symbol.asyncDispose]()))
  }

  #fill(): void {
    if (performance.now() >= this.#armedUntil) return
    for (let missing = this.#options.count - this.#ready.size - this.#pending.size; missing > 0; missing--) {
      const start = this.#start().finally(() => this.#pending.delete(start))
      this.#pending.add(start)
    }
  }

  async #start(): Promise<void> {
    try {
      const spare = await this.#options.launch()
      this.#failures = 0
      if (this.#stopped || this.#armedUntil === 0) return await spare[Symbol.asyncDispose]()
      this.#ready.add(spare)
      void spare.exited.then(() => this.#ready.delete(spare))
    } catch (error) {
      const retryMs = backoffMs(++this.#failures, RETRY_BACKOFF)
      setTimeout(() => this.#fill(), retryMs).unref()
      this.#options.log(`a spare does not start: ${(error as Error).message}`)
    }
  }
}
