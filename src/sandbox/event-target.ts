/**
 * EventTarget and the dispatching of events, as the DOM standard says, without a tree: an event's path is its target
 * alone.
 */
import { host } from './current-host.ts'
import { DOMException } from './dom-exception.ts'
import { type Event, type EventInternals, internalsOf, isEvent, PHASES } from './events.ts'
import { apply, arrayIndexOf, arrayPush, arraySlice, arraySplice, mapGet, mapSet } from './primordials.ts'
import {
  type Callback,
  defineInterface,
  dictionary,
  domString,
  isObject,
  requireArguments,
  Stamp,
} from './webidl.ts'

/** What this module needs to know of abort.ts, which builds on it. */
export interface Signals {
  /** Throws a TypeError unless it is an AbortSignal. */
  isAborted(signal: object): boolean
  onAbort(signal: object, callback: () => void): void
}

let signals: Signals

export function connectSignals(implementation: Signals): void {
  signals = implementation
}

interface Listener {
  callback: object
  capture: boolean
  once: boolean
  passive: boolean
  removed: boolean
}

/** An `on…` attribute: a listener whose callback can be replaced in its place. */
interface Handler {
  value: object | null
  listener: Listener
}

/** Kept apart from EventTarget so that the global object can be made one. */
class Listeners extends Stamp {
  #byType: Map<string, Listener[]> | undefined
  #handlers: Map<string, Handler> | undefined

  static find(target: object, type: string): Listener[] | undefined {
    const byType = (target as Listeners).#byType
    return byType && mapGet(byType, type)
  }

  static add(target: object, type: string, listener: Listener): void {
    const listeners = target as Listeners
    listeners.#byType ??= new Map()
    const list = mapGet(listeners.#byType, type)
    if (list === undefined) mapSet(listeners.#byType, type, [listener])
    else arrayPush(list, listener)
  }

  static handlers(target: object): Map<string, Handler> {
    const listeners = target as Listeners
    listeners.#handlers ??= new Map()
    return listeners.#handlers
  }

  static check(target: object): void {
    void (target as Listeners).#byType
  }
}

export class EventTarget {
  constructor() {
    new Listeners(this)
  }

  addEventListener(type: string, callback: unknown, options: unknown = undefined): void {
    const target = thisTarget(this)
    const context = "Failed to execute 'addEventListener' on 'EventTarget'"
    requireArguments(arguments.length, 2, context)
    const name = domString(type)
    const listener = listenerCallback(callback, context)
    let capture = false
    let once = false
    let passive = false
    let signal: object | undefined
    if (isObject(options)) {
      const members = dictionary(options, context)
      capture = !!members.capture
      once = !!members.once
      passive = !!members.passive
      const given = members.signal
      if (given !== undefined && !isObject(given)) {
        throw new TypeError(`${context}: member signal is not of type 'AbortSignal'.`)
      }
      signal = given
    } else capture = !!options
    if (signal !== undefined && signals.isAborted(signal)) return
    if (listener === null) return
    const existing = Listeners.find(target, name)
    if (existing !== undefined && indexOfListener(existing, listener, capture) >= 0) return
    const added: Listener = { callback: listener, capture, once, passive, removed: false }
    Listeners.add(target, name, added)
    if (signal !== undefined) signals.onAbort(signal, () => removeListener(target, name, added))
  }

  removeEventListener(type: string, callback: unknown, options: unknown = undefined): void {
    const target = thisTarget(this)
    const context = "Failed to execute 'removeEventListener' on 'EventTarget'"
    requireArguments(arguments.length, 2, context)
    const name = domString(type)
    const listener = listenerCallback(callback, context)
    const capture = !!(isObject(options) ? (options as { capture?: unknown }).capture : options)
    const list = Listeners.find(target, name)
    if (list === undefined || listener === null) return
    const index = indexOfListener(list, listener, capture)
    if (index >= 0) removeListener(target, name, list[index]!)
  }

  dispatchEvent(event: Event): boolean {
    const target = thisTarget(this)
    const context = "Failed to execute 'dispatchEvent' on 'EventTarget'"
    requireArguments(arguments.length, 1, context)
    if (!isEvent(event)) throw new TypeError(`${context}: parameter 1 is not of type 'Event'.`)
    const internals = internalsOf(event)
    if (internals.dispatching || !internals.initialized) {
      throw new DOMException(`${context}: The event is already being dispatched.`, 'InvalidStateError')
    }
    internals.trusted = false
    return dispatch(target, event)
  }
}

defineInterface('EventTarget', EventTarget)

/** Makes an object that exists, the global one, an event target. It must have EventTarget.prototype on its chain. */
export function becomeEventTarget(object: object): void {
  new Listeners(object)
}

/** Methods called without an object are the global object's. */
function thisTarget(self: EventTarget | undefined): EventTarget {
  const target = self ?? (globalThis as unknown as EventTarget)
  Listeners.check(target)
  return target
}

function listenerCallback(callback: unknown, context: string): object | null {
  if (callback === null || callback === undefined) return null
  if (!isObject(callback)) throw new TypeError(`${context}: parameter 2 is not of type 'Object'.`)
  return callback
}

function indexOfListener(list: Listener[], callback: object, capture: boolean): number {
  for (let i = 0; i < list.length; i++) {
    if (list[i]!.callback === callback && list[i]!.capture === capture) return i
  }
  return -1
}

function removeListener(target: object, type: string, listener: Listener): void {
  listener.removed = true
  const list = Listeners.find(target, type)!
  const index = arrayIndexOf(list, listener)
  if (index >= 0) arraySplice(list, index, 1)
}

/** Dispatches an event that the platform made; false if a listener prevented its default. */
export function dispatchTrusted(target: EventTarget, event: Event): boolean {
  internalsOf(event).trusted = true
  return dispatch(target, event)
}

/** Whether anything listens: spares making an event that nobody sees. */
export function hasListeners(target: EventTarget, type: string): boolean {
  const list = Listeners.find(target, type)
  return list !== undefined && list.length > 0
}

function dispatch(target: EventTarget, event: Event): boolean {
  const internals = internalsOf(event)
  internals.dispatching = true
  internals.target = target
  internals.currentTarget = target
  internals.phase = PHASES.AT_TARGET
  invoke(target, event, internals, true)
  invoke(target, event, internals, false)
  internals.phase = PHASES.NONE
  internals.currentTarget = null
  internals.dispatching = false
  internals.stopped = false
  internals.stoppedImmediately = false
  return !internals.canceled
}

function invoke(target: EventTarget, event: Event, internals: EventInternals, capture: boolean): void {
  const list = Listeners.find(target, internals.type)
  if (list === undefined || internals.stopped) return
  const listeners = arraySlice(list)
  for (let i = 0; i < listeners.length; i++) {
    const listener = listeners[i]!
    if (listener.removed || listener.capture !== capture) continue
    if (listener.once) removeListener(target, internals.type, listener)
    internals.inPassiveListener = listener.passive
    try {
      callListener(listener.callback, target, event)
    } catch (error) {
      host.reportException(error)
    }
    internals.inPassiveListener = false
    if (internals.stoppedImmediately) return
  }
}

function callListener(callback: object, target: EventTarget, event: Event): void {
  if (typeof callback === 'function') {
    apply(callback as Callback, target, [event])
    return
  }
  const { handleEvent } = callback as { handleEvent?: unknown }
  if (typeof handleEvent !== 'function') throw new TypeError('The listener’s handleEvent is not a function.')
  apply(handleEvent as Callback, callback, [event])
}

/** The value of an `on…` attribute. */
export function eventHandler(target: EventTarget, type: string): object | null {
  return mapGet(Listeners.handlers(target), type)?.value ?? null
}

/** Sets an `on…` attribute: what is no object means none. */
export function setEventHandler(target: EventTarget, type: string, value: unknown): void {
  const handlers = Listeners.handlers(target)
  const handler = mapGet(handlers, type)
  if (!isObject(value)) {
    if (handler === undefined || handler.value === null) return
    handler.value = null
    removeListener(target, type, handler.listener)
    return
  }
  if (handler !== undefined && handler.value !== null) {
    handler.value = value
    return
  }
  const added: Handler = {
    value,
    listener: { callback: callHandler, capture: false, once: false, passive: false, removed: false },
  }
  function callHandler(this: unknown, event: Event) {
    if (typeof added.value !== 'function') return
    if (apply(added.value as Callback, this, [event]) === false) event.preventDefault()
  }
  mapSet(handlers, type, added)
  Listeners.add(target, type, added.listener)
}
