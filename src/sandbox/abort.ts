/**
 * AbortController and AbortSignal. The platform's own parts (fetch, pipeTo, listeners) hook on with `onAbort`,
 * which runs before the event is fired and costs no event.
 */
import { host } from './current-host.ts'
import { DOMException } from './dom-exception.ts'
import {
  connectSignals,
  dispatchTrusted,
  EventTarget,
  eventHandler,
  hasListeners,
  setEventHandler,
} from './event-target.ts'
import { Event } from './events.ts'
import { arrayPush, setAdd, setDelete, setForEach } from './primordials.ts'
import {
  defineInterface,
  internally,
  onlyInternally,
  requireArguments,
  sequence,
  unsignedLongLong,
} from './webidl.ts'

export let isAbortSignal: (value: unknown) => value is AbortSignal

/** Aborts with the reason, an AbortError if it is undefined. Does nothing if it has been done. */
export let abortSignal: (signal: AbortSignal, reason?: unknown) => void

/** Has `hook` run once when the signal aborts; never, if it has aborted already. A hook must not throw. */
export let onAbort: (signal: AbortSignal, hook: () => void) => void
export let removeAbort: (signal: AbortSignal, hook: () => void) => void

/** The signal's state, whatever a guest has made of its getters. */
export let isAborted: (signal: AbortSignal) => boolean
export let abortReason: (signal: AbortSignal) => unknown

/** One that aborts when the first of its sources does. */
export let anySignal: (sources: AbortSignal[]) => AbortSignal

export class AbortSignal extends EventTarget {
  #aborted = false
  #reason: unknown
  #hooks: Set<() => void> | undefined
  /** Made by `any`: signals that are no dependents themselves, and decide for this one. */
  #sources: AbortSignal[] | undefined
  /** The signals that depend on this one, kept while they can still be told something. */
  #dependents: Set<AbortSignal> | undefined

  constructor() {
    onlyInternally(arguments[0])
    super()
  }

  static abort(reason: unknown = undefined): AbortSignal {
    const signal = newSignal()
    signal.#aborted = true
    signal.#reason = reasonOrDefault(reason)
    return signal
  }

  static timeout(milliseconds: number): AbortSignal {
    const context = "Failed to execute 'timeout' on 'AbortSignal'"
    requireArguments(arguments.length, 1, context)
    const delayMs = unsignedLongLong(milliseconds, context, 'enforce')
    const signal = newSignal()
    host.setTimer(() => {
      abortSignal(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
    }, delayMs)
    return signal
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const context = "Failed to execute 'any' on 'AbortSignal'"
    requireArguments(arguments.length, 1, context)
    return anySignal(sequence(signals, item => abortSignalArgument(item, context), context))
  }

  #follow(source: AbortSignal): void {
    for (let i = 0; i < this.#sources!.length; i++) if (this.#sources![i] === source) return
    arrayPush(this.#sources!, source)
    source.#dependents ??= new Set()
    setAdd(source.#dependents, this)
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason
  }

  get onabort(): unknown {
    return eventHandler(this, 'abort')
  }

  set onabort(value: unknown) {
    setEventHandler(this, 'abort', value)
  }

  #markAborted(reason: unknown): void {
    this.#aborted = true
    this.#reason = reason
  }

  #runAbortSteps(): void {
    const hooks = this.#hooks
    this.#hooks = undefined
    if (hooks !== undefined) setForEach(hooks, hook => hook())
    if (hasListeners(this, 'abort')) dispatchTrusted(this, new Event('abort'))
  }

  /** Dependents are marked before anyone is told, so that all agree whichever is asked first. */
  #abort(reason: unknown): void {
    if (this.#aborted) return
    this.#markAborted(reason)
    const told: AbortSignal[] = []
    const dependents = this.#dependents
    this.#dependents = undefined
    if (dependents !== undefined) {
      setForEach(dependents, dependent => {
        if (dependent.#aborted) return
        dependent.#markAborted(reason)
        arrayPush(told, dependent)
        dependent.#leaveSources()
      })
    }
    this.#runAbortSteps()
    for (let i = 0; i < told.length; i++) told[i]!.#runAbortSteps()
  }

  #leaveSources(): void {
    const sources = this.#sources!
    this.#sources = []
    for (let i = 0; i < sources.length; i++) {
      const dependents = sources[i]!.#dependents
      if (dependents !== undefined) setDelete(dependents, this)
    }
  }

  static #any(sources: AbortSignal[]): AbortSignal {
    const result = newSignal()
    for (let i = 0; i < sources.length; i++) {
      if (!sources[i]!.#aborted) continue
      result.#markAborted(sources[i]!.#reason)
      return result
    }
    result.#sources = []
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i]!
      if (source.#sources === undefined) result.#follow(source)
      else for (let k = 0; k < source.#sources.length; k++) result.#follow(source.#sources[k]!)
    }
    return result
  }

  static {
    anySignal = sources => AbortSignal.#any(sources)
    isAbortSignal = (value): value is AbortSignal =>
      typeof value === 'object' && value !== null && #aborted in value
    abortSignal = (signal, reason) => signal.#abort(reasonOrDefault(reason))
    onAbort = (signal, hook) => {
      if (signal.#aborted) return
      signal.#hooks ??= new Set()
      setAdd(signal.#hooks, hook)
    }
    removeAbort = (signal, hook) => {
      if (signal.#hooks !== undefined) setDelete(signal.#hooks, hook)
    }
    isAborted = signal => signal.#aborted
    abortReason = signal => signal.#reason
  }
}

/** A signal that aborts when `abortSignal` says so. */
export function newSignal(): AbortSignal {
  return new (AbortSignal as unknown as new (key: symbol) => AbortSignal)(internally)
}

/** Throws a TypeError unless the value is an AbortSignal. */
export function abortSignalArgument(value: unknown, context: string): AbortSignal {
  if (isAbortSignal(value)) return value
  throw new TypeError(`${context}: The provided value is not of type 'AbortSignal'.`)
}

function reasonOrDefault(reason: unknown): unknown {
  return reason === undefined ? new DOMException('The operation was aborted', 'AbortError') : reason
}

connectSignals({
  isAborted: signal => isAborted(signal as AbortSignal),
  onAbort: (signal, callback) => onAbort(signal as AbortSignal, callback),
})

defineInterface('AbortSignal', AbortSignal)

export class AbortController {
  #signal = newSignal()

  get signal(): AbortSignal {
    return this.#signal
  }

  abort(reason: unknown = undefined): void {
    abortSignal(this.#signal, reason)
  }
}

defineInterface('AbortController', AbortController)
