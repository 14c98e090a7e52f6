/**
 * Replaces runtimes that hold much more memory than their apps: what V8 and malloc have freed in a process stays with it,
 * in the holes of its heaps, until the process ends. It is done one at a time, when the runtime is calm and another can
 * have its apps: they leave it as they would a bad neighbour, each request is served, and the empty process ends.
 */
import type { RestartReason } from '../channels.ts'

/** What a runtime holds. */
interface Wasteful {
  readonly rssBytes: number
  /** Isolates that wait for an app. */
  readonly prewarmed: number
  readonly instances: ReadonlyMap<number, { readonly memoryBytes: number }>
}

/** A runtime that any app may run in. */
export interface Renewable extends Wasteful {
  readonly up: boolean
  /** Of the process that it is at the moment. */
  readonly pid: number
  /** Its apps are to be elsewhere. */
  leaving: boolean
  readonly instances: ReadonlyMap<number, { readonly cpuMs: number; readonly memoryBytes: number }>
  kill(reason: RestartReason, detail: string): void
}

export interface RenewalOptions<T extends Renewable> {
  /** A runtime that holds so much more than it should is replaced; 0: none ever is. */
  wasteBytesMax: number
  /** Of a look. */
  everyMs: number
  /** Has the apps of a runtime go elsewhere. */
  vacate(runtime: T): void
}

/** What a runtime holds before it has run anything, and what each isolate takes besides its heap and buffers. */
const BARE_BYTES = 80 * 2 ** 20
const ISOLATE_BYTES = 2 * 2 ** 20

/** Heaps have room to grow. */
const HEAP_FACTOR = 1.5

/** Of a core: a runtime whose apps use less is calm. */
const CALM_CORES = 0.2

/** Looks: wasteful and calm for so many, a runtime is replaced; given up if its apps have not left by then; a pause. */
const CALM_LOOKS = 20
const LEAVE_LOOKS_MAX = 120
const PAUSE_LOOKS = 120

export class Renewal<T extends Renewable> {
  readonly #options: RenewalOptions<T>
  /** For how many looks in a row each has been wasteful and calm. */
  readonly #looks = new Map<T, number>()
  #leaving: { runtime: T; pid: number; looks: number } | null = null
  #pause = 0

  constructor(options: RenewalOptions<T>) {
    this.#options = options
  }

  /** To be called regularly, with the runtimes that any app may run in. */
  look(runtimes: readonly T[]): void {
    if (this.#options.wasteBytesMax === 0) return
    if (this.#leaving) return this.#follow(this.#leaving)
    for (const runtime of runtimes) {
      const isDue = runtime.up && this.isWasteful(runtime) && this.#isCalm(runtime)
      this.#looks.set(runtime, isDue ? (this.#looks.get(runtime) ?? 0) + 1 : 0)
    }
    if (this.#pause > 0) this.#pause--
    else if (runtimes.filter(({ up }) => up).length > 1) this.#begin(runtimes)
  }

  #begin(runtimes: readonly T[]): void {
    const runtime = runtimes.find(one => this.#looks.get(one)! >= CALM_LOOKS)
    if (!runtime) return
    this.#leaving = { runtime, pid: runtime.pid, looks: 0 }
    runtime.leaving = true
    this.#options.vacate(runtime)
  }

  #follow(leaving: { runtime: T; pid: number; looks: number }): void {
    const { runtime, pid } = leaving
    const hasDied = !runtime.up || runtime.pid !== pid
    const isEmpty = !hasDied && runtime.instances.size === 0
    if (!hasDied && !isEmpty && ++leaving.looks <= LEAVE_LOOKS_MAX) return
    runtime.leaving = false
    this.#leaving = null
    this.#looks.clear()
    this.#pause = PAUSE_LOOKS
    if (!isEmpty) return
    const megabytes = Math.round(runtime.rssBytes / 2 ** 20)
    runtime.kill('renewal', `${megabytes} MB resident without any app`)
  }

  /** Whether the runtime holds more than its apps, by more than a runtime may. */
  isWasteful({ rssBytes, prewarmed, instances }: Wasteful): boolean {
    const { wasteBytesMax } = this.#options
    if (wasteBytesMax === 0) return false
    let due = BARE_BYTES + ISOLATE_BYTES * prewarmed
    for (const { memoryBytes } of instances.values()) due += ISOLATE_BYTES + HEAP_FACTOR * memoryBytes
    return rssBytes - due > wasteBytesMax
  }

  #isCalm({ instances }: T): boolean {
    let usedMs = 0
    for (const { cpuMs } of instances.values()) usedMs += cpuMs
    return usedMs < CALM_CORES * this.#options.everyMs
  }
}
