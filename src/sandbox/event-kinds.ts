/**
 * The kinds of events that carry something: CustomEvent, ErrorEvent, PromiseRejectionEvent.
 */
import { Event, internalsOf } from './events.ts'
import { defineInterface, dictionary, domString, isObject, requireArguments, unsignedLong } from './webidl.ts'

export class CustomEvent extends Event {
  #detail: unknown = null

  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "Failed to construct 'CustomEvent'")
    super(type, init)
    const { detail } = dictionary(init, "Failed to construct 'CustomEvent'")
    if (detail !== undefined) this.#detail = detail
  }

  get detail(): unknown {
    return this.#detail
  }

  initCustomEvent(
    type: string,
    bubbles: unknown = false,
    cancelable: unknown = false,
    detail: unknown = null,
  ): void {
    void this.#detail
    requireArguments(arguments.length, 1, "Failed to execute 'initCustomEvent' on 'CustomEvent'")
    const dispatching = internalsOf(this).dispatching
    this.initEvent(type, bubbles, cancelable)
    if (!dispatching) this.#detail = detail
  }
}

defineInterface('CustomEvent', CustomEvent)

export class ErrorEvent extends Event {
  #message: string
  #filename: string
  #lineno: number
  #colno: number
  #error: unknown

  constructor(type: string, init: unknown = undefined) {
    const context = "Failed to construct 'ErrorEvent'"
    requireArguments(arguments.length, 1, context)
    super(type, init)
    const { colno = 0, error, filename = '', lineno = 0, message = '' } = dictionary(init, context)
    this.#colno = unsignedLong(colno, context)
    this.#error = error
    this.#filename = domString(filename)
    this.#lineno = unsignedLong(lineno, context)
    this.#message = domString(message)
  }

  get message(): string {
    return this.#message
  }

  get filename(): string {
    return this.#filename
  }

  get lineno(): number {
    return this.#lineno
  }

  get colno(): number {
    return this.#colno
  }

  get error(): unknown {
    return this.#error
  }
}

defineInterface('ErrorEvent', ErrorEvent)

export class PromiseRejectionEvent extends Event {
  #promise: object
  #reason: unknown

  constructor(type: string, init: unknown) {
    const context = "Failed to construct 'PromiseRejectionEvent'"
    requireArguments(arguments.length, 2, context)
    super(type, init)
    const { promise, reason } = dictionary(init, context)
    if (!isObject(promise)) throw new TypeError(`${context}: member promise is not of type 'Promise'.`)
    this.#promise = promise
    this.#reason = reason
  }

  get promise(): object {
    return this.#promise
  }

  get reason(): unknown {
    return this.#reason
  }
}

defineInterface('PromiseRejectionEvent', PromiseRejectionEvent)
