/**
 * DOMException: an interface whose instances are errors of the language too (`Error.isError`, a stack).
 */
import { arrayIndexOf, setPrototypeOf } from './primordials.ts'
import { defineInterface, dictionary, domString, double, isObject, Stamp } from './webidl.ts'

/** Index + 1 is the legacy code. Those with an empty name were never in the standard or have left it. */
const LEGACY_NAMES = [
  'IndexSizeError',
  '',
  'HierarchyRequestError',
  'WrongDocumentError',
  'InvalidCharacterError',
  '',
  'NoModificationAllowedError',
  'NotFoundError',
  'NotSupportedError',
  'InUseAttributeError',
  'InvalidStateError',
  'SyntaxError',
  'InvalidModificationError',
  'NamespaceError',
  'InvalidAccessError',
  '',
  'TypeMismatchError',
  'SecurityError',
  'NetworkError',
  'AbortError',
  'URLMismatchError',
  'QuotaExceededError',
  'TimeoutError',
  'InvalidNodeTypeError',
  'DataCloneError',
]

class State extends Stamp {
  #message: string
  #name: string

  constructor(error: Error, message: string, name: string) {
    super(error)
    this.#message = message
    this.#name = name
  }

  static message(error: object) {
    return (error as State).#message
  }

  static nameOf(error: object) {
    return (error as State).#name
  }

  static is(value: unknown): boolean {
    return isObject(value) && #name in value
  }
}

export class DOMException {
  declare readonly stack?: string

  constructor(message: unknown = '', name: unknown = 'Error') {
    const text = domString(message)
    const errorName = domString(name)
    // The stack's first line is made of the message as it is now; then the prototype's getter replaces it.
    const error = new Error(text)
    delete (error as { message?: string }).message
    setPrototypeOf(error, new.target.prototype)
    new State(error, text, errorName)
    // biome-ignore lint/correctness/noConstructorReturn: an error that has this class's prototype
    return error as unknown as DOMException
  }

  get name(): string {
    return State.nameOf(this)
  }

  get message(): string {
    return State.message(this)
  }

  get code(): number {
    const name = State.nameOf(this)
    return name === '' ? 0 : arrayIndexOf(LEGACY_NAMES, name) + 1
  }
}

export function isDOMException(value: unknown): value is DOMException {
  return State.is(value)
}

setPrototypeOf(DOMException.prototype, Error.prototype)
defineInterface('DOMException', DOMException, {
  INDEX_SIZE_ERR: 1,
  DOMSTRING_SIZE_ERR: 2,
  HIERARCHY_REQUEST_ERR: 3,
  WRONG_DOCUMENT_ERR: 4,
  INVALID_CHARACTER_ERR: 5,
  NO_DATA_ALLOWED_ERR: 6,
  NO_MODIFICATION_ALLOWED_ERR: 7,
  NOT_FOUND_ERR: 8,
  NOT_SUPPORTED_ERR: 9,
  INUSE_ATTRIBUTE_ERR: 10,
  INVALID_STATE_ERR: 11,
  SYNTAX_ERR: 12,
  INVALID_MODIFICATION_ERR: 13,
  NAMESPACE_ERR: 14,
  INVALID_ACCESS_ERR: 15,
  VALIDATION_ERR: 16,
  TYPE_MISMATCH_ERR: 17,
  SECURITY_ERR: 18,
  NETWORK_ERR: 19,
  ABORT_ERR: 20,
  URL_MISMATCH_ERR: 21,
  QUOTA_EXCEEDED_ERR: 22,
  TIMEOUT_ERR: 23,
  INVALID_NODE_TYPE_ERR: 24,
  DATA_CLONE_ERR: 25,
})

/** A limit was passed; what it is and what was asked for may be told. */
export class QuotaExceededError extends DOMException {
  #quota: number | null = null
  #requested: number | null = null

  constructor(message: unknown = '', options: unknown = undefined) {
    super(message, 'QuotaExceededError')
    const context = "Failed to construct 'QuotaExceededError'"
    const { quota, requested } = dictionary(options, context)
    if (quota !== undefined) this.#quota = notNegative(quota, context)
    if (requested !== undefined) this.#requested = notNegative(requested, context)
    if (this.#quota !== null && this.#requested !== null && this.#requested < this.#quota) {
      throw new RangeError(`${context}: requested is less than quota.`)
    }
  }

  get quota(): number | null {
    return this.#quota
  }

  get requested(): number | null {
    return this.#requested
  }
}

function notNegative(value: unknown, context: string): number {
  const number = double(value, context)
  if (number < 0) throw new RangeError(`${context}: ${number} is negative.`)
  return number
}

defineInterface('QuotaExceededError', QuotaExceededError)
