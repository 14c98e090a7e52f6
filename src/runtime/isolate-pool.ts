/** Isolates with the sandbox in them, ready for an app: what makes a cold start cheap. */
import { Isolate, type SharedPrelude } from './isolate.ts'

export interface IsolatePoolOptions {
  prelude: SharedPrelude
  /** How many are kept ready. */
  size: number
  /** The memory limit of the isolates kept ready; an app with another limit gets one made for it. */
  memoryMb: number
}

export class IsolatePool implements Disposable {
  readonly #options: IsolatePoolOptions
  readonly #ready: Isolate[] = []
  #making = false
  #disposed = false

  constructor(options: IsolatePoolOptions) {
    this.#options = options
  }

  get ready(): number {
    return this.#ready.length
  }

  /** Fills the pool. Isolates are made one at a time, so that serving goes on beside it. */
  async fill(): Promise<void> {
    if (this.#making) return
    this.#making = true
    try {
      while (this.#ready.length < this.#options.size && !this.#disposed) {
        this.#ready.push(await this.#make(this.#options.memoryMb))
      }
    } finally {
      this.#making = false
    }
  }

  /** An isolate for an app, from the pool if one fits. */
  async take(memoryMb: number): Promise<Isolate> {
    const ready = memoryMb === this.#options.memoryMb ? this.#ready.pop() : undefined
    // What was taken is made again when the app that took it has started.
    setTimeout(() => void this.fill(), 20).unref()
    return ready ?? (await this.#make(memoryMb))
  }

  #make(memoryMb: number): Promise<Isolate> {
    return Isolate.create(this.#options.prelude, memoryMb)
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    for (const isolate of this.#ready.splice(0)) isolate.dispose()
  }
}
