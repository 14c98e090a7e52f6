/**
 * The performance timeline of the isolate and those who observe it (https://w3c.github.io/performance-timeline/).
 *
 * Observers hear of entries at the end of the turn, by a microtask, so that what they do counts for the request that
 * made the entries.
 */
import { host } from './current-host.ts'
import { DOMException } from './dom-exception.ts'
import {
  apply,
  arrayIncludes,
  arrayIndexOf,
  arrayPush,
  arraySlice,
  arraySort,
  arraySplice,
  objectFreeze,
  promiseResolve,
  promiseThen,
} from './primordials.ts'
import {
  type Callback,
  callbackFunction,
  defineInterface,
  dictionary,
  domString,
  internally,
  onlyInternally,
  requireArguments,
  sequence,
} from './webidl.ts'

export type EntryType = 'mark' | 'measure'

const ENTRY_TYPES: readonly EntryType[] = objectFreeze(['mark', 'measure'])

/** Entries that are kept, and that wait for an observer; those beyond it are dropped and counted. */
const ENTRIES_MAX = 10_000

export interface EntryFields {
  name: string
  entryType: EntryType
  /** Milliseconds since the time origin. */
  startTime: number
  duration: number
}

let lastId = 0
let fieldsOf: (entry: PerformanceEntry) => EntryFields

export class PerformanceEntry {
  readonly #fields: EntryFields
  readonly #id = ++lastId

  constructor() {
    onlyInternally(arguments[0])
    this.#fields = arguments[1] as EntryFields
  }

  get id(): number {
    return this.#id
  }

  get name(): string {
    return this.#fields.name
  }

  get entryType(): EntryType {
    return this.#fields.entryType
  }

  get startTime(): number {
    return this.#fields.startTime
  }

  get duration(): number {
    return this.#fields.duration
  }

  /** There is no navigation. */
  get navigationId(): number {
    void this.#id
    return 0
  }

  toJSON(): object {
    const { name, entryType, startTime, duration } = this.#fields
    return { id: this.#id, name, entryType, startTime, duration, navigationId: 0 }
  }

  static {
    fieldsOf = entry => entry.#fields
  }
}

defineInterface('PerformanceEntry', PerformanceEntry)

const timeline: PerformanceEntry[] = []
const dropped: Record<EntryType, number> = { mark: 0, measure: 0 }

/** Puts an entry on the timeline and tells observers. */
export function addEntry(entry: PerformanceEntry): void {
  const { entryType } = fieldsOf(entry)
  for (let i = 0; i < observers.length; i++) notify(observers[i]!, entry, entryType)
  if (timeline.length < ENTRIES_MAX) arrayPush(timeline, entry)
  else dropped[entryType]++
}

/** Takes entries of a type off the timeline: those of that name, or all. */
export function clearEntries(type: EntryType, name: string | undefined): void {
  let kept = 0
  for (let i = 0; i < timeline.length; i++) {
    const entry = timeline[i]!
    const fields = fieldsOf(entry)
    if (fields.entryType !== type || (name !== undefined && fields.name !== name)) timeline[kept++] = entry
  }
  timeline.length = kept
}

/** When the latest mark of that name was made; undefined if there is none. */
export function latestMark(name: string): number | undefined {
  for (let i = timeline.length - 1; i >= 0; i--) {
    const fields = fieldsOf(timeline[i]!)
    if (fields.entryType === 'mark' && fields.name === name) return fields.startTime
  }
  return undefined
}

export function timelineEntries(name?: string, type?: string): PerformanceEntry[] {
  return select(timeline, name, type)
}

/** By start time; entries of the same time in the order in which they were made. */
function select(entries: readonly PerformanceEntry[], name?: string, type?: string): PerformanceEntry[] {
  const selected: PerformanceEntry[] = []
  for (let i = 0; i < entries.length; i++) {
    const fields = fieldsOf(entries[i]!)
    if (name !== undefined && fields.name !== name) continue
    if (type === undefined || fields.entryType === type) arrayPush(selected, entries[i]!)
  }
  return arraySort(selected, (a, b) => fieldsOf(a).startTime - fieldsOf(b).startTime)
}

const optionalString = (value: unknown) => (value === undefined ? undefined : domString(value))

export class PerformanceObserverEntryList {
  readonly #entries: readonly PerformanceEntry[]

  constructor() {
    onlyInternally(arguments[0])
    this.#entries = arguments[1] as readonly PerformanceEntry[]
  }

  getEntries(): PerformanceEntry[] {
    return select(this.#entries)
  }

  getEntriesByType(type: unknown): PerformanceEntry[] {
    const entries = this.#entries
    requireArguments(arguments.length, 1, failed('getEntriesByType', 'PerformanceObserverEntryList'))
    return select(entries, undefined, domString(type))
  }

  getEntriesByName(name: unknown, type: unknown = undefined): PerformanceEntry[] {
    const entries = this.#entries
    requireArguments(arguments.length, 1, failed('getEntriesByName', 'PerformanceObserverEntryList'))
    return select(entries, domString(name), optionalString(type))
  }
}

defineInterface('PerformanceObserverEntryList', PerformanceObserverEntryList)

const EntryList = PerformanceObserverEntryList as unknown as new (
  key: symbol,
  entries: readonly PerformanceEntry[],
) => PerformanceObserverEntryList

function failed(method: string, name: string): string {
  return `Failed to execute '${method}' on '${name}'`
}

interface Observer {
  readonly self: PerformanceObserver
  readonly callback: Callback
  /** By which member of its options it says what it observes, from the first time on. */
  kind: 'entryTypes' | 'type' | null
  types: EntryType[]
  buffer: PerformanceEntry[]
  /** The next callback is to be told how many entries were dropped. */
  tellsDropped: boolean
}

/** Those that observe something. */
const observers: Observer[] = []
let isDeliveryQueued = false
const resolved = promiseResolve(undefined)

function notify(observer: Observer, entry: PerformanceEntry, type: EntryType): void {
  if (!arrayIncludes(observer.types, type) || observer.buffer.length >= ENTRIES_MAX) return
  arrayPush(observer.buffer, entry)
  if (isDeliveryQueued) return
  isDeliveryQueued = true
  promiseThen(resolved, deliver)
}

function deliver(): void {
  isDeliveryQueued = false
  const now = arraySlice(observers)
  for (let i = 0; i < now.length; i++) {
    const observer = now[i]!
    const entries = observer.buffer
    if (entries.length === 0) continue
    observer.buffer = []
    const args = [new EntryList(internally, entries), observer.self, callbackOptions(observer)]
    try {
      apply(observer.callback, observer.self, args)
    } catch (error) {
      host.reportException(error)
    }
  }
}

function callbackOptions(observer: Observer): { droppedEntriesCount?: number } {
  if (!observer.tellsDropped) return {}
  observer.tellsDropped = false
  let droppedEntriesCount = 0
  for (let i = 0; i < observer.types.length; i++) droppedEntriesCount += dropped[observer.types[i]!]
  return { droppedEntriesCount }
}

export class PerformanceObserver {
  readonly #observer: Observer

  constructor(callback: unknown) {
    const context = "Failed to construct 'PerformanceObserver'"
    requireArguments(arguments.length, 1, context)
    this.#observer = {
      self: this,
      callback: callbackFunction(callback, `${context}: parameter 1`),
      kind: null,
      types: [],
      buffer: [],
      tellsDropped: false,
    }
  }

  observe(options: unknown = undefined): void {
    const observer = this.#observer
    const context = failed('observe', 'PerformanceObserver')
    const { buffered, entryTypes, type } = dictionary(options, context)
    const names = entryTypes === undefined ? null : sequence(entryTypes, domString, context)
    if (names === null && type === undefined) {
      throw new TypeError(`${context}: either entryTypes or type is needed.`)
    }
    if (names !== null && (type !== undefined || buffered !== undefined)) {
      throw new TypeError(`${context}: entryTypes goes with no other member.`)
    }
    const kind = names === null ? 'type' : 'entryTypes'
    if (observer.kind !== null && observer.kind !== kind) {
      throw new DOMException(
        `${context}: this observer says by ${observer.kind} what it observes.`,
        'InvalidModificationError',
      )
    }
    observer.kind = kind
    observer.tellsDropped = true
    const wanted = names ?? [domString(type)]
    const types: EntryType[] = kind === 'type' ? arraySlice(observer.types) : []
    for (let i = 0; i < wanted.length; i++) {
      const name = wanted[i] as EntryType
      if (arrayIncludes(ENTRY_TYPES, name) && !arrayIncludes(types, name)) arrayPush(types, name)
    }
    if (types.length === 0) return
    observer.types = types
    if (!arrayIncludes(observers, observer)) arrayPush(observers, observer)
    if (!buffered || kind === 'entryTypes') return
    const known = select(timeline, undefined, wanted[0])
    for (let i = 0; i < known.length; i++) notify(observer, known[i]!, wanted[0] as EntryType)
  }

  disconnect(): void {
    const observer = this.#observer
    const index = arrayIndexOf(observers, observer)
    if (index !== -1) arraySplice(observers, index, 1)
    observer.types = []
    observer.buffer = []
  }

  takeRecords(): PerformanceEntry[] {
    const { buffer } = this.#observer
    this.#observer.buffer = []
    return buffer
  }

  static get supportedEntryTypes(): readonly EntryType[] {
    return ENTRY_TYPES
  }
}

defineInterface('PerformanceObserver', PerformanceObserver)
