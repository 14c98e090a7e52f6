/**
 * performance: the clock, which is as coarse as Date.now(), so that it tells no more about its neighbours than that,
 * and what apps write down by it.
 */
import { performanceNow, timeOrigin } from './clock.ts'
import { EventTarget } from './event-target.ts'
import { clearEntries, type PerformanceEntry, timelineEntries } from './performance-timeline.ts'
import { mark, measure, type PerformanceMark, type PerformanceMeasure } from './user-timing.ts'
import { defineInterface, domString, internally, onlyInternally, requireArguments } from './webidl.ts'

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

  getEntries(): PerformanceEntry[] {
    void this.#brand
    return timelineEntries()
  }

  getEntriesByType(type: unknown): PerformanceEntry[] {
    void this.#brand
    requireArguments(arguments.length, 1, "Failed to execute 'getEntriesByType' on 'Performance'")
    return timelineEntries(undefined, domString(type))
  }

  getEntriesByName(name: unknown, type: unknown = undefined): PerformanceEntry[] {
    void this.#brand
    requireArguments(arguments.length, 1, "Failed to execute 'getEntriesByName' on 'Performance'")
    return timelineEntries(domString(name), type === undefined ? undefined : domString(type))
  }

  mark(markName: unknown, markOptions: unknown = undefined): PerformanceMark {
    void this.#brand
    requireArguments(arguments.length, 1, "Failed to execute 'mark' on 'Performance'")
    return mark(markName, markOptions)
  }

  clearMarks(markName: unknown = undefined): void {
    void this.#brand
    clearEntries('mark', markName === undefined ? undefined : domString(markName))
  }

  measure(
    measureName: unknown,
    startOrMeasureOptions: unknown = undefined,
    endMark: unknown = undefined,
  ): PerformanceMeasure {
    void this.#brand
    requireArguments(arguments.length, 1, "Failed to execute 'measure' on 'Performance'")
    return measure(measureName, startOrMeasureOptions, endMark)
  }

  clearMeasures(measureName: unknown = undefined): void {
    void this.#brand
    clearEntries('measure', measureName === undefined ? undefined : domString(measureName))
  }
}

defineInterface('Performance', Performance)

export const performance: Performance = new (Performance as new (key: symbol) => Performance)(internally)
