/** CloseEvent (https://websockets.spec.whatwg.org/#the-closeevent-interface). */
import { Event } from './events.ts'
import { defineInterface, dictionary, requireArguments, unsignedShort, usvString } from './webidl.ts'

export class CloseEvent extends Event {
  #code: number
  #reason: string
  #wasClean: boolean

  constructor(type: string, init: unknown = undefined) {
    const context = "Failed to construct 'CloseEvent'"
    requireArguments(arguments.length, 1, context)
    super(type, init)
    const { code = 0, reason = '', wasClean = false } = dictionary(init, context)
    this.#code = unsignedShort(code, context)
    this.#reason = usvString(reason)
    this.#wasClean = !!wasClean
  }

  get code(): number {
    return this.#code
  }

  get reason(): string {
    return this.#reason
  }

  get wasClean(): boolean {
    return this.#wasClean
  }
}

defineInterface('CloseEvent', CloseEvent)
