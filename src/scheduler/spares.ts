/**
 * Runtime processes that wait, warm, for their use: whoever takes one has no process to start.
 *
 * A spare costs some 70 MB, so none is kept until a runtime has been in trouble for the first time: a platform that
 * never sees any stays small. Its first death costs a process start, during which the other runtimes serve. After
 * `quietMs` without trouble the spares go again.
 */
import { backoffMs } from './backoff.ts'
import type { RuntimeProcess } from './runtime-process.ts'

export interface SparesOptions {
  /** How many are kept. */
  count: number
  /** How long they wait after the last trouble. */
  quietMs: number
  /** Starts one. Rejects if it does not come up. */
  launch(): Promise<RuntimeProcess>
  /** A spare does not come up; it is tried again. */
  onStartFailed(error: Error, runtime: 'spare'): void
}

const RETRY_BACKOFF = { firstMs: 1000, maxMs: 60_000 }

export class Spares implements AsyncDisposable {
  readonly #options: SparesOptions
  readonly #ready = new Set<RuntimeProcess>()
  /** The start that is under way. */
  #pending: Promise<void> | null = null
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
    for (const spare of this.#ready) sum += spare.status.rssBytes()
    return sum
  }

  /** How many wait. */
  get size(): number {
    return this.#ready.size
  }

  /** There is trouble: from now on spares are kept ready. */
  arm(): void {
    if (this.#stopped || this.#options.count === 0) return
    const { quietMs } = this.#options
    this.#armedUntil = performance.now() + quietMs
    if (this.#timer === null) this.#fill()
    this.#timer ??= setInterval(() => this.#check(), quietMs / 10).unref()
  }

  /**
   * A warm process if there is one or one is on its way, else a new one. Rejects if that does not come up. One start
   * at a time takes no more of the machine than it must from those who serve meanwhile.
   */
  async take(): Promise<RuntimeProcess> {
    while (this.#ready.size === 0 && this.#pending !== null) await this.#pending
    return this.takeWarm() ?? (await this.#options.launch())
  }

  /** A warm process; null if there is none. */
  takeWarm(): RuntimeProcess | null {
    const [spare] = this.#ready
    if (!spare) return null
    this.#ready.delete(spare)
    this.#fill()
    return spare
  }

  /** Ends the spares. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    this.#disarm()
    await this.#pending
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
    if (performance.now() >= this.#armedUntil || this.#pending !== null) return
    if (this.#ready.size >= this.#options.count) return
    this.#pending = this.#start().then(started => {
      this.#pending = null
      if (started) this.#fill()
    })
  }

  /** Whether one came up. */
  async #start(): Promise<boolean> {
    try {
      const spare = await this.#options.launch()
      this.#failures = 0
      if (this.#stopped || this.#armedUntil === 0) {
        await spare[Symbol.asyncDispose]()
        return false
      }
      this.#ready.add(spare)
      void spare.exited.then(() => this.#ready.delete(spare))
      return true
    } catch (error) {
      if (this.#stopped) return false
      const retryMs = backoffMs(++this.#failures, RETRY_BACKOFF)
      setTimeout(() => this.#fill(), retryMs).unref()
      this.#options.onStartFailed(error as Error, 'spare')
      return false
    }
  }
}
