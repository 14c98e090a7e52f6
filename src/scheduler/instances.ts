/** The instances of a pool, ready or finishing what they have: which is next, and what they use together. */
import type { Instance } from './instance.ts'

export class Instances {
  readonly #all: Instance[] = []

  get all(): readonly Instance[] {
    return this.#all
  }

  get ready(): Instance[] {
    return this.#all.filter(({ state }) => state === 'ready')
  }

  /** CPU time that they used between their last two heartbeats. */
  get cpuMs(): number {
    return this.#sum(({ cpuMs }) => cpuMs)
  }

  /** The same of threads that serve all apps, for them. */
  get servedMs(): number {
    return this.#sum(({ servedMs }) => servedMs)
  }

  /** Those that were running, or could have been, meanwhile: the sum of their shares of it. */
  get running(): number {
    return this.#sum(({ busy }) => busy)
  }

  /** The ready one that holds the fewest requests, in a runtime that takes more; null if there is none. */
  get best(): Instance | null {
    let best: Instance | null = null
    for (const instance of this.#all) {
      // Of equals the first: at low load the others fall idle and end.
      if (instance.state !== 'ready' || (best && instance.inFlight >= best.inFlight)) continue
      if (instance.runtime.hasRoom) best = instance
    }
    return best
  }

  add(instance: Instance): void {
    this.#all.push(instance)
  }

  /** Does nothing if it is not among them. */
  delete(instance: Instance): void {
    const index = this.#all.indexOf(instance)
    if (index !== -1) this.#all.splice(index, 1)
  }

  #sum(figure: (instance: Instance) => number): number {
    return this.#all.reduce((sum, instance) => sum + figure(instance), 0)
  }
}
