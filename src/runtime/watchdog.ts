/**
 * Watches every running isolate of the process, for CPU time and for standing still.
 *
 * isolated-vm's own timeout covers only a call's synchronous part, and wall time. One timer looks at whatever runs and
 * ends what is past its limit: loops, regular expressions, microtask loops die within one poll.
 *
 * isolated-vm's clock of CPU time goes on, too, while an isolate waits for a core. So its time is taken for as much CPU
 * time as the process' threads have had of the time for which all its isolates ran: whoever shares the cores with others
 * does not pay for waiting. Where several run in one process each is charged the same share.
 *
 * That share says nothing of one that waits for what cannot come, while its neighbours come and go: what they use would
 * seem to be its, too. So it is told as well what is left if their brief calls have used all that they were charged.
 */

/** What an instance is told of the time since the last look. */
export interface Look {
  /** In ms. */
  now: number
  /** For so much of it the instance had a core, from 0 to 1. */
  share: number
  /**
   * The same if neighbours had one for all the time of their brief calls: below 0 if they had not. Only its mean says
   * something. Where so many are busy that it says nothing it is `share`.
   */
  leastShare: number
}

/** What the watchdog sees of an instance. */
export interface Watched {
  /** Called at each poll while the instance is running. */
  poll(look: Look): void
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
  #lookedAt = 0
  #lookedCpuMs = 0
  #ranMs = 0
  /** Of that, what was charged in full. */
  #briefMs = 0

  constructor({ cpuMs = cpuMsOfOtherThreads, now = () => performance.now() }: WatchdogOptions = {}) {
    this.#cpuMs = cpuMs
    this.#now = now
  }

  /** From now on the instance is polled. */
  watch(instance: Watched): void {
    this.#running.set(instance, this.#now())
    if (this.#timer) return
    this.#lookedCpuMs = this.#readCpuMs()
    this.#lookedAt = this.#now()
    this.#ranMs = 0
    this.#briefMs = 0
    this.#timer = setInterval(() => this.poll(), POLL_MS)
  }

  /** It has stopped running; for what share of the time since it was last looked at it had a core. */
  unwatch(instance: Watched): number {
    const since = this.#running.get(instance)
    if (since === undefined) return 1
    const now = this.#now()
    const isBrief = now - since < CERTAIN_MS
    const share = isBrief ? 1 : this.#share(now, this.#readCpuMs())
    if (isBrief) this.#briefMs += now - since
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
    const leastShare = this.#leastShare(now, cpuMs, share)
    this.#lookedAt = now
    this.#lookedCpuMs = cpuMs
    this.#ranMs = 0
    this.#briefMs = 0
    for (const instance of this.#running.keys()) {
      this.#running.set(instance, now)
      instance.poll({ now, share, leastShare })
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

  /** Where on average more than one brief call was under way they waited for cores, and their time says nothing. */
  #leastShare(now: number, cpuMs: number, share: number): number {
    let ranMs = this.#ranMs - this.#briefMs
    for (const since of this.#running.values()) ranMs += now - since
    if (this.#briefMs > now - this.#lookedAt || ranMs <= 0) return share
    return Math.min(1, (cpuMs - this.#lookedCpuMs - this.#briefMs) / ranMs)
  }
}

/** No guest's code runs on this thread, and helpers (collecting garbage, compiling) work for guests. */
function cpuMsOfOtherThreads(): number {
  const all = process.cpuUsage()
  const own = process.threadCpuUsage()
  return (all.user + all.system - own.user - own.system) / 1000
}
