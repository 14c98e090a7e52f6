/** Time as far as a core was had: an isolate's CPU time, by isolated-vm's clock that goes on while it waits, and grace. */
import type { Isolate } from './isolate.ts'

export class CpuClock {
  readonly #isolate: Pick<Isolate, 'cpuNs'>
  #readNs: number
  /** In nanoseconds, as of the last charge; what it took to make the isolate is not its app's. */
  ns = 0
  /** Modules are linked on the host's own thread, of which no share is known: meanwhile all time is charged. */
  isCompiling = false

  constructor(isolate: Pick<Isolate, 'cpuNs'>) {
    this.#isolate = isolate
    this.#readNs = Number(isolate.cpuNs() ?? 0)
  }

  /** Counts the time since the last charge, as far as a core was had. Whether the isolate still has a clock. */
  charge(share: number): boolean {
    const read = this.#isolate.cpuNs()
    if (read === null) return false
    this.ns += (Number(read) - this.#readNs) * (this.isCompiling ? 1 : share)
    this.#readNs = Number(read)
    return true
  }
}

/** Of the time that passes this share counts at least: what stands still is over some day, too. */
const GRACE_SHARE_MIN = 0.1

/** How long an isolate that is told to end may take to: time in which it had no core is not held against it. */
export class Grace {
  #leftMs: number
  #seenAt: number

  /** Both in ms. */
  constructor(graceMs: number, now: number) {
    this.#leftMs = graceMs
    this.#seenAt = now
  }

  /** Time has passed, for this share of which the process' isolates had a core. Whether the grace is over. */
  spend(now: number, share: number): boolean {
    this.#leftMs -= (now - this.#seenAt) * Math.max(share, GRACE_SHARE_MIN)
    this.#seenAt = now
    return this.#leftMs < 0
  }
}
