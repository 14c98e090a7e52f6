/** MessageEvent (https://html.spec.whatwg.org/#messageevent). */
import { Event, internalsOf } from './events.ts'
import { arrayPush, objectFreeze } from './primordials.ts'
import { defineInterface, dictionary, domString, requireArguments, sequence, usvString } from './webidl.ts'

export class MessageEvent extends Event {
  #data: unknown
  #origin: string
  #lastEventId: string
  #source: unknown
  #ports: readonly unknown[]

  constructor(type: string, init: unknown = undefined) {
    const context = "Failed to construct 'MessageEvent'"
    requireArguments(arguments.length, 1, context)
    super(type, init)
    const { data = null, lastEventId = '', origin = '', ports, source = null } = dictionary(init, context)
    this.#data = data
    this.#origin = usvString(origin)
    this.#lastEventId = domString(lastEventId)
    this.#source = source
    this.#ports = frozen(ports === undefined ? [] : sequence(ports, port => port, context))
  }

  get data(): unknown {
    return this.#data
  }

  get origin(): string {
    return this.#origin
  }

  get lastEventId(): string {
    return this.#lastEventId
  }

  get source(): unknown {
    return this.#source
  }

  get ports(): readonly unknown[] {
    return this.#ports
  }

  initMessageEvent(
    type: string,
    bubbles: unknown = false,
    cancelable: unknown = false,
    data: unknown = null,
    origin: unknown = '',
    lastEventId: unknown = '',
    source: unknown = null,
    ports: unknown = [],
  ): void {
    const context = "Failed to execute 'initMessageEvent' on 'MessageEvent'"
    void this.#data
    requireArguments(arguments.length, 1, context)
    if (internalsOf(this).dispatching) return
    this.initEvent(type, bubbles, cancelable)
    this.#data = data
    this.#origin = usvString(origin)
    this.#lastEventId = domString(lastEventId)
    this.#source = source
    this.#ports = frozen(sequence(ports, port => port, context))
  }
}

function frozen(items: readonly unknown[]): readonly unknown[] {
  const copy: unknown[] = []
  for (let i = 0; i < items.length; i++) arrayPush(copy, items[i])
  return objectFreeze(copy)
}

defineInterface('MessageEvent', MessageEvent)
