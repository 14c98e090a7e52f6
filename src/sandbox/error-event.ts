/** ErrorEvent: what the global scope tells of exceptions that nobody catches. */
import { Event } from './events.ts'
import { defineInterface, dictionary, domString, requireArguments, unsignedLong } from './webidl.ts'

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
