/**
 * performance: the clock. It is as coarse as Date.now(), so that it tells no more about its neighbours than that.
 */
import { performanceNow, timeOrigin } from './clock.ts'
import { EventTarget } from './event-target.ts'
import { defineInterface, internally, onlyInternally } from './webidl.ts'

export class Performance extends EventTarget {
  #brand: undefined

  constructor() {
    onlyInternally(arguments[0])
    super()
  }

  now(): number {
    void this.#brand
    return performanceNow()
  }

  get timeOrigin(): number {
    void this.#brand
    return timeOrigin
  }

  toJSON(): { timeOrigin: number } {
    void this.#brand
    return { timeOrigin }
  }
}

defineInterface('Performance', Performance)

export const performance: Performance = new (Performance as new (key: symbol) => Performance)(internally)
