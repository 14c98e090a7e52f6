/**
 * Event, as the DOM standard says. What only dispatching may set lies in its `EventInternals`.
 */
import { performanceNow } from './clock.ts'
import type { EventTarget } from './event-target.ts'
import { defineProperty, getOwnPropertyDescriptor } from './primordials.ts'
import { defineInterface, dictionary, domString, isObject, requireArguments } from './webidl.ts'

export const PHASES = { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 }

/** What only dispatching, and this module's neighbours, may see and set. */
export let internalsOf: (event: Event) => EventInternals

export let isEvent: (value: unknown) => value is Event

export interface EventInternals {
  type: string
  target: EventTarget | null
  currentTarget: EventTarget | null
  phase: number
  bubbles: boolean
  cancelable: boolean
  composed: boolean
  canceled: boolean
  dispatching: boolean
  initialized: boolean
  inPassiveListener: boolean
  stopped: boolean
  stoppedImmediately: boolean
  trusted: boolean
  timeStamp: number
}

export class Event {
  #internals: EventInternals

  constructor(type: string, init: unknown = undefined) {
    const context = "Failed to construct 'Event'"
    requireArguments(arguments.length, 1, context)
    const text = domString(type)
    const { bubbles, cancelable, composed } = dictionary(init, context)
    this.#internals = {
      type: text,
      target: null,
      currentTarget: null,
      phase: PHASES.NONE,
      bubbles: !!bubbles,
      cancelable: !!cancelable,
      composed: !!composed,
      canceled: false,
      dispatching: false,
      initialized: true,
      inPassiveListener: false,
      stopped: false,
      stoppedImmediately: false,
      trusted: false,
      timeStamp: performanceNow(),
    }
    defineProperty(this, 'isTrusted', isTrusted)
  }

  get type(): string {
    return this.#internals.type
  }

  get target(): EventTarget | null {
    return this.#internals.target
  }

  get srcElement(): EventTarget | null {
    return this.#internals.target
  }

  get currentTarget(): EventTarget | null {
    return this.#internals.currentTarget
  }

  composedPath(): EventTarget[] {
    const { currentTarget } = this.#internals
    return currentTarget === null ? [] : [currentTarget]
  }

  get eventPhase(): number {
    return this.#internals.phase
  }

  stopPropagation(): void {
    this.#internals.stopped = true
  }

  get cancelBubble(): boolean {
    return this.#internals.stopped
  }

  set cancelBubble(value: unknown) {
    if (value) this.#internals.stopped = true
    else void this.#internals
  }

  stopImmediatePropagation(): void {
    this.#internals.stopped = true
    this.#internals.stoppedImmediately = true
  }

  get bubbles(): boolean {
    return this.#internals.bubbles
  }

  get cancelable(): boolean {
    return this.#internals.cancelable
  }

  get returnValue(): boolean {
    return !this.#internals.canceled
  }

  set returnValue(value: unknown) {
    const internals = this.#internals
    if (!value) cancel(internals)
  }

  preventDefault(): void {
    cancel(this.#internals)
  }

  get defaultPrevented(): boolean {
    return this.#internals.canceled
  }

  get composed(): boolean {
    return this.#internals.composed
  }

  get timeStamp(): number {
    return this.#internals.timeStamp
  }

  initEvent(type: string, bubbles: unknown = false, cancelable: unknown = false): void {
    const internals = this.#internals
    requireArguments(arguments.length, 1, "Failed to execute 'initEvent' on 'Event'")
    const text = domString(type)
    if (internals.dispatching) return
    internals.initialized = true
    internals.stopped = false
    internals.stoppedImmediately = false
    internals.canceled = false
    internals.trusted = false
    internals.target = null
    internals.type = text
    internals.bubbles = !!bubbles
    internals.cancelable = !!cancelable
  }

  static {
    internalsOf = event => event.#internals
    isEvent = (value): value is Event => isObject(value) && #internals in value
  }
}

function cancel(internals: EventInternals): void {
  if (internals.cancelable && !internals.inPassiveListener) internals.canceled = true
}

/** `[LegacyUnforgeable]`: an accessor of each event's own. Without prototype, so that it can inherit nothing. */
const isTrusted = {
  __proto__: null,
  get: getOwnPropertyDescriptor(
    {
      get isTrusted() {
        return internalsOf(this as unknown as Event).trusted
      },
    },
    'isTrusted',
  )!.get!,
  enumerable: true,
  configurable: false,
}

defineInterface('Event', Event, PHASES)
