/** Answers with a status below 200 that come before the one that counts: servers send one or two, with some links. */
import type { Dispatcher } from 'undici'
import { SubrequestError } from './subrequest-error.ts'

const RESPONSES_MAX = 16
/** In all of them together. */
const FIELDS_MAX = 1000

export class Informational {
  #responses = 0
  #fields = 0

  /** Counts one more. What is left of a piece of input in which there are too many is not even read. */
  received(controller: Dispatcher.DispatchController): void {
    this.#responses++
    this.#fields += (controller.rawHeaders as Buffer[]).length / 2
    if (this.#responses > RESPONSES_MAX) controller.abort(tooMany(`${RESPONSES_MAX} informational responses`))
    else if (this.#fields > FIELDS_MAX)
      controller.abort(tooMany(`${FIELDS_MAX} fields in informational responses`))
  }
}

function tooMany(what: string): SubrequestError {
  return new SubrequestError(`the server sent more than ${what}`)
}
