/** How a pool's instances leave runtimes where they may not be any more: if there is time, not before others serve. */
import type { Instance } from './instance.ts'
import type { Instances } from './instances.ts'
import type { Runtime } from './runtime.ts'

export interface DepartureHost {
  readonly instances: Instances
  now(): number
  /** Starts an instance where there may be one. Resolves when that has ended, well or badly, or would be in vain. */
  startElsewhere(): Promise<void>
  /** The instance gets no more requests, and ends when it has finished those it has. */
  drain(instance: Instance, options: { closesWebSockets: boolean }): void
}

export interface LeaveOptions {
  /** Requests that come wait for an instance elsewhere. Otherwise an app that is in use stays until one is ready. */
  atOnce: boolean
  /** Of those that leave at once. */
  closesWebSockets: boolean
}

/** An app that was asked so shortly before is likely to be asked again. */
const IN_USE_MS = 10_000

export class Departure {
  readonly #host: DepartureHost
  /** As it was told last. */
  #isForbidden: (runtime: Runtime) => boolean = () => false
  #isStarting = false

  constructor(host: DepartureHost) {
    this.#host = host
  }

  /** Instances may not be in such runtimes from now on. */
  leave(isForbidden: (runtime: Runtime) => boolean, { atOnce, closesWebSockets }: LeaveOptions): void {
    this.#isForbidden = isForbidden
    if (atOnce) this.#drain({ closesWebSockets })
    else this.goOn()
  }

  /** To be called regularly: what could not leave tries again. */
  goOn(): void {
    if (this.#isStarting || !this.#leaving().some(({ state }) => state === 'ready')) return
    if (!this.#isInUse() || this.#isElsewhere()) this.#drain({ closesWebSockets: false })
    else void this.#startElsewhere()
  }

  async #startElsewhere(): Promise<void> {
    this.#isStarting = true
    await this.#host.startElsewhere()
    this.#isStarting = false
    if (this.#isElsewhere()) this.#drain({ closesWebSockets: false })
  }

  #leaving(): Instance[] {
    return this.#host.instances.all.filter(({ runtime }) => this.#isForbidden(runtime))
  }

  #isElsewhere(): boolean {
    return this.#host.instances.ready.some(({ runtime }) => !this.#isForbidden(runtime))
  }

  #isInUse(): boolean {
    const since = this.#host.now() - IN_USE_MS
    return this.#leaving().some(({ inFlight, idleSince }) => inFlight > 0 || idleSince > since)
  }

  #drain(options: { closesWebSockets: boolean }): void {
    for (const instance of this.#leaving()) this.#host.drain(instance, options)
  }
}
