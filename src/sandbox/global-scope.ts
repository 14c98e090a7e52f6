/**
 * The global object as an object of the Web: a ServiceWorkerGlobalScope, and so an event target. Its members are its
 * own properties, as WebIDL has it for global objects, and refuse to work for other ones.
 */

import { ErrorEvent } from './error-event.ts'
import { becomeEventTarget, dispatchTrusted, EventTarget, hasListeners } from './event-target.ts'
import { describeError, logException } from './logging.ts'
import { apply, defineProperty, getOwnPropertyDescriptor, setPrototypeOf } from './primordials.ts'
import { current } from './request-context.ts'
import { defineInterface, onlyInternally } from './webidl.ts'

export class WorkerGlobalScope extends EventTarget {
  constructor() {
    onlyInternally(arguments[0])
    super()
  }
}

defineInterface('WorkerGlobalScope', WorkerGlobalScope)

export class ServiceWorkerGlobalScope extends WorkerGlobalScope {}

defineInterface('ServiceWorkerGlobalScope', ServiceWorkerGlobalScope)

export function openGlobalScope(): void {
  setPrototypeOf(globalThis, ServiceWorkerGlobalScope.prototype)
  becomeEventTarget(globalThis)
}

/** Called without an object, members are the global object's. */
function checkScope(self: unknown): void {
  if (self !== undefined && self !== null && self !== globalThis) throw new TypeError('Illegal invocation')
}

/** An operation of the global object: `operation` under its own name, of its own length. */
export function installOperation(name: string, operation: (...args: never[]) => unknown): void {
  const { [name]: checked } = {
    [name](this: unknown, ...args: unknown[]) {
      checkScope(this)
      return apply(operation as never, undefined as never, args as never)
    },
  }
  defineProperty(checked!, 'length', { value: operation.length, configurable: true })
  const property = { value: checked, writable: true, enumerable: true, configurable: true }
  defineProperty(globalThis, name, property)
}

/** An attribute of the global object. Apps may put another value in its place: `[Replaceable]`. */
export function installAttribute(name: string, value: () => unknown): void {
  const accessors = {
    get [name]() {
      checkScope(this)
      return value()
    },
    set [name](replacement: unknown) {
      checkScope(this)
      const property = { value: replacement, writable: true, enumerable: true, configurable: true }
      defineProperty(globalThis, name, property)
    },
  }
  defineProperty(globalThis, name, getOwnPropertyDescriptor(accessors, name)!)
}

let reporting = false

/**
 * Tells the app of an exception that it has not caught, by an `error` event, and the developer, unless a listener
 * prevents that. What is thrown meanwhile is only told to the developer.
 */
export function reportException(error: unknown): void {
  const scope = globalThis as unknown as EventTarget
  if (reporting || !hasListeners(scope, 'error')) return logException(current, error)
  reporting = true
  const { message } = describeError(error)
  const event = new ErrorEvent('error', { __proto__: null, message, error, cancelable: true })
  try {
    if (dispatchTrusted(scope, event)) logException(current, error)
  } finally {
    reporting = false
  }
}
