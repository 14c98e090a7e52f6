/** Time as far as a core was had: an isolate's CPU time, by isolated-vm's clock that goes on while it waits, and grace. */
import type { Isolate } from './isolate.ts'

/** CPU time of all threads of this process, in nanoseconds. */
function processNs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

export class CpuClock {
  readonly #isolate: Pick<Isolate, 'cpuNs'>
  readonly #processNs: () => number
  #readNs: number
  /** In nanoseconds, as of the last charge; what it took to make the isolate is not its app's. */
  ns = 0
  /** How things stood when it began to compile; null: it does not. */
  #compiling: { ns: number; readNs: number; processNs: number } | null = null

  constructor(isolate: Pick<Isolate, 'cpuNs'>, options: { processNs?: () => number } = {}) {
    this.#isolate = isolate
    this.#processNs = options.processNs ?? processNs
    this.#readNs = Number(isolate.cpuNs() ?? 0)
  }

  /**
   * Modules are linked on the host's own thread, of which no share is known: meanwhile all time is charged, as far as
   * the process has used so much.
   */
  set isCompiling(is: boolean) {
    this.#compiling = is ? { ns: this.ns, readNs: this.#readNs, processNs: this.#processNs() } : null
  }

  /** Counts the time since the last charge, as far as a core was had. Whether the isolate still has a clock. */
  charge(share: number): boolean {
    const read = this.#isolate.cpuNs()
    if (read === null) return false
    const readNs = Number(read)
    if (this.#compiling) {
      // From its beginning on: within a few ms the system's count of a process stands still.
      const { ns, readNs: since, processNs: usedBefore } = this.#compiling
      this.ns = Math.max(this.ns, ns + Math.min(readNs - since, this.#processNs() - usedBefore))
    } else this.ns += (readNs - this.#readNs) * share
    this.#readNs = readNs
    return true
  }
}

/** Of the time that passes this share counts at least: what stands still is over some day, too. */
const GRACE_SHARE_MIN = 0.1

/** What is left is the time that others have to get away. */
const DOUBT_SHARE = 1 / 8

/** How long an isolate that is told to end may take to: time in which it had no core is not held against it. */
export class Grace {
  readonly #graceMs: number
  #leftMs: number
  #seenAt: number

  /** Both in ms. */
  constructor(graceMs: number, now: number) {
    this.#graceMs = graceMs
    this.#leftMs = graceMs
    this.#seenAt = now
  }

  /** Time has passed, for this share of which the process' isolates had a core. Whether the grace is over. */
  spend(now: number, share: number): boolean {
    this.#leftMs -= (now - this.#seenAt) * Math.max(share, GRACE_SHARE_MIN)
    this.#seenAt = now
    return this.#leftMs < 0
  }

  /** So much of it is over that it may not be enough: most isolates end within a few milliseconds. */
  get isDoubtful(): boolean {
    return this.#leftMs < this.#graceMs * (1 - DOUBT_SHARE)
  }
}
