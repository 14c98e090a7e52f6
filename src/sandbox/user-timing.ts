/** Marks and measures (https://w3c.github.io/user-timing/): they are made by apps, on the clock that apps see. */
import { performanceNow } from './clock.ts'
import { DOMException } from './dom-exception.ts'
import { addEntry, type EntryFields, latestMark, PerformanceEntry } from './performance-timeline.ts'
import { structuredClone } from './structured-clone.ts'
import {
  defineInterface,
  dictionary,
  domString,
  double,
  internally,
  isObject,
  onlyInternally,
  requireArguments,
} from './webidl.ts'

/** The class, with what only the platform may give it. */
const Entry = PerformanceEntry as unknown as new (key: symbol, fields: EntryFields) => PerformanceEntry

export class PerformanceMark extends Entry {
  readonly #detail: unknown

  constructor(markName: unknown, markOptions: unknown = undefined) {
    const context = "Failed to construct 'PerformanceMark'"
    requireArguments(arguments.length, 1, context)
    const name = domString(markName)
    const { detail, startTime } = dictionary(markOptions, context)
    super(internally, {
      name,
      entryType: 'mark',
      startTime: startTime === undefined ? performanceNow() : time(startTime, context),
      duration: 0,
    })
    this.#detail = copyOf(detail)
  }

  get detail(): unknown {
    return this.#detail
  }

  override toJSON(): object {
    const detail = this.#detail
    return { ...super.toJSON(), detail }
  }
}

defineInterface('PerformanceMark', PerformanceMark)

export class PerformanceMeasure extends Entry {
  readonly #detail: unknown

  constructor() {
    onlyInternally(arguments[0])
    super(internally, arguments[1] as EntryFields)
    this.#detail = arguments[2]
  }

  get detail(): unknown {
    return this.#detail
  }

  override toJSON(): object {
    const detail = this.#detail
    return { ...super.toJSON(), detail }
  }
}

defineInterface('PerformanceMeasure', PerformanceMeasure)

const Measure = PerformanceMeasure as unknown as new (
  key: symbol,
  fields: EntryFields,
  detail: unknown,
) => PerformanceMeasure

function copyOf(detail: unknown): unknown {
  return detail === undefined || detail === null ? null : structuredClone(detail)
}

export function mark(markName: unknown, markOptions: unknown): PerformanceMark {
  const entry = new PerformanceMark(markName, markOptions)
  addEntry(entry)
  return entry
}

/** What `measure` may be given as an object. */
interface MeasureOptions {
  detail: unknown
  duration: number | undefined
  end: string | number | undefined
  start: string | number | undefined
}

const CONTEXT = "Failed to execute 'measure' on 'Performance'"

export function measure(
  measureName: unknown,
  startOrMeasureOptions: unknown,
  endMark: unknown,
): PerformanceMeasure {
  const name = domString(measureName)
  const isDictionary =
    isObject(startOrMeasureOptions) || startOrMeasureOptions === undefined || startOrMeasureOptions === null
  const options = isDictionary ? measureOptions(startOrMeasureOptions) : null
  const startMark = isDictionary ? undefined : domString(startOrMeasureOptions)
  const end = endMark === undefined ? undefined : domString(endMark)
  if (options !== null) refuseContradictions(options, end !== undefined)
  const duration = options?.duration
  const from = options?.start ?? startMark
  const to = end ?? options?.end

  let endTime: number
  if (to !== undefined) endTime = timeOf(to)
  else if (duration !== undefined && from !== undefined) endTime = timeOf(from) + duration
  else endTime = performanceNow()
  let startTime = 0
  if (from !== undefined) startTime = timeOf(from)
  else if (duration !== undefined) startTime = endTime - duration

  const fields: EntryFields = { name, entryType: 'measure', startTime, duration: endTime - startTime }
  const entry = new Measure(internally, fields, copyOf(options?.detail))
  addEntry(entry)
  return entry
}

/** Null if none of the members is there. */
function measureOptions(value: unknown): MeasureOptions | null {
  const { detail, duration, end, start } = dictionary(value, CONTEXT)
  if (detail === undefined && duration === undefined && end === undefined && start === undefined) return null
  return {
    detail,
    duration: duration === undefined ? undefined : double(duration, CONTEXT),
    end: end === undefined ? undefined : markOrTime(end),
    start: start === undefined ? undefined : markOrTime(start),
  }
}

function refuseContradictions({ start, end, duration }: MeasureOptions, hasEndMark: boolean): void {
  if (hasEndMark) throw new TypeError(`${CONTEXT}: with options there is no end mark: give options.end.`)
  if (start === undefined && end === undefined) {
    throw new TypeError(`${CONTEXT}: options need a start or an end.`)
  }
  if (start !== undefined && end !== undefined && duration !== undefined) {
    throw new TypeError(`${CONTEXT}: of start, end and duration at most two go together.`)
  }
}

function markOrTime(value: unknown): string | number {
  return typeof value === 'number' ? double(value, CONTEXT) : domString(value)
}

/** Of a mark's name or a time itself. */
function timeOf(value: string | number): number {
  if (typeof value === 'number') return time(value, CONTEXT)
  const found = latestMark(value)
  if (found !== undefined) return found
  throw new DOMException(`${CONTEXT}: The mark '${value}' does not exist.`, 'SyntaxError')
}

function time(value: unknown, context: string): number {
  const milliseconds = double(value, context)
  if (milliseconds < 0) throw new TypeError(`${context}: a time cannot be negative.`)
  return milliseconds
}
