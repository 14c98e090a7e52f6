/** The kinds of events that only apps make: CustomEvent, PromiseRejectionEvent. */
import { Event, internalsOf } from './events.ts'
import { defineInterface, dictionary, isObject, requireArguments } from './webidl.ts'

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
