/**
 * Watches every running isolate of the process, for CPU time and for standing still.
 *
 * isolated-vm's own timeout covers only a call's synchronous part, and wall time. One timer looks at whatever runs and
 * ends what is past its limit: loops, regular expressions, microtask loops die within one poll.
 *
 * isolated-vm's clock of CPU time goes on, too, while an isolate waits for a core. So its time is taken for as much CPU
 * time as the process' threads have had of the time for which all its isolates ran: whoever shares the cores with others
 * does not pay for waiting. Where several run in one process each is charged the same share.
 */

/** What the watchdog sees of an instance. */
export interface Watched {
  /** Called at each poll while the instance is running, with what share of the time since the last it had a core. */
  poll(now: number, share: number): void
}

/** How often running isolates are looked at. */
const POLL_MS = 5

/** A shorter time is charged in full: to find out costs more than it may be wrong by. */
const CERTAIN_MS = 1

export interface WatchdogOptions {
  /** CPU time of all threads but this one, in ms. Default: the process'. */
  cpuMs?(): number
  /** In ms. */
  now?(): number
}

export class Watchdog implements Disposable {
  readonly #cpuMs: () => number
  readonly #now: () => number
  /** Since when each has been running, or was looked at. */
  readonly #running = new Map<Watched, number>()
  #timer: NodeJS.Timeout | null = null
  /** The most that has been read of the CPU time. */
  #usedMs = 0
  /** CPU time at the last look, and for how long isolates have run since that run no more. */
  #lookedCpuMs = 0
  #ranMs = 0

  constructor({ cpuMs = cpuMsOfOtherThreads, now = () => performance.now() }: WatchdogOptions = {}) {
    this.#cpuMs = cpuMs
    this.#now = now
  }

  /** From now on the instance is polled. */
  watch(instance: Watched): void {
    this.#running.set(instance, this.#now())
    if (this.#timer) return
    this.#lookedCpuMs = this.#readCpuMs()
    this.#ranMs = 0
    this.#timer = setInterval(() => this.poll(), POLL_MS)
  }

  /** It has stopped running; for what share of the time since it was last looked at it had a core. */
  unwatch(instance: Watched): number {
    const since = this.#running.get(instance)
    if (since === undefined) return 1
    const now = this.#now()
    const share = now - since < CERTAIN_MS ? 1 : this.#share(now, this.#readCpuMs())
    this.#running.delete(instance)
    this.#ranMs += now - since
    return share
  }

  [Symbol.dispose](): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  /** Looks at all that run. */
  poll(): void {
    if (this.#running.size === 0) return this[Symbol.dispose]()
    const now = this.#now()
    const cpuMs = this.#readCpuMs()
    const share = this.#share(now, cpuMs)
    this.#lookedCpuMs = cpuMs
    this.#ranMs = 0
    for (const instance of this.#running.keys()) {
      this.#running.set(instance, now)
      instance.poll(now, share)
    }
  }

  /** What others have used is a difference of two counts, of which the system renews now the one first, now the other. */
  #readCpuMs(): number {
    this.#usedMs = Math.max(this.#usedMs, this.#cpuMs())
    return this.#usedMs
  }

  #share(now: number, cpuMs: number): number {
    let ranMs = this.#ranMs
    for (const since of this.#running.values()) ranMs += now - since
    return ranMs > 0 ? Math.min(1, (cpuMs - this.#lookedCpuMs) / ranMs) : 1
  }
}

/** No guest's code runs on this thread, and helpers (collecting garbage, compiling) work for guests. */
function cpuMsOfOtherThreads(): number {
  const all = process.cpuUsage()
  const own = process.threadCpuUsage()
  return (all.user + all.system - own.user - own.system) / 1000
}
