/**
 * Watches every running isolate of the process, for CPU time and for standing still.
 *
 * isolated-vm's own timeout covers only a call's synchronous part, and wall time. CPU time can be read while an
 * isolate runs, so one timer polls it and ends whatever is past its limit: loops, regular expressions, microtask
 * loops die within one poll.
 */

/** What the watchdog sees of an instance. */
export interface Watched {
  /** Called at each poll while the instance is running. */
  poll(now: number): void
}

/** How often running isolates are looked at. */
const POLL_MS = 5

export class Watchdog implements Disposable {
  readonly #running = new Set<Watched>()
  #timer: NodeJS.Timeout | null = null

  /** From now on the instance is polled. */
  watch(instance: Watched): void {
    this.#running.add(instance)
    this.#timer ??= setInterval(() => this.#poll(), POLL_MS)
  }

  unwatch(instance: Watched): void {
    this.#running.delete(instance)
  }

  [Symbol.dispose](): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  #poll(): void {
    if (this.#running.size === 0) return this[Symbol.dispose]()
    const now = performance.now()
    for (const instance of this.#running) instance.poll(now)
  }
}
