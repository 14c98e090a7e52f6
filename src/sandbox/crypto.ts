/**
 * crypto: random numbers and digests. Digests are computed by the host.
 */
import { host } from './current-host.ts'
import { DOMException, QuotaExceededError } from './dom-exception.ts'
import { isAscii } from './latin1.ts'
import {
  arrayBufferIsView,
  numberToString,
  stringSlice,
  stringToUpperCase,
  typedArrayByteLength,
  typedArrayTag,
} from './primordials.ts'
import {
  bytesOf,
  copyBytes,
  defineInterface,
  dictionary,
  domString,
  internally,
  isBufferSource,
  isObject,
  onlyInternally,
  requireArguments,
} from './webidl.ts'

/** The most random bytes that one call may ask for. */
const RANDOM_BYTES_MAX = 65_536

const DIGESTS = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512', 'MD5'] as const
type Digest = (typeof DIGESTS)[number]

/** A key; nothing makes one yet. */
export class CryptoKey {
  constructor() {
    onlyInternally(arguments[0])
  }
}

defineInterface('CryptoKey', CryptoKey)

export class SubtleCrypto {
  #brand: undefined

  constructor() {
    onlyInternally(arguments[0])
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    void this.#brand
    const context = "Failed to execute 'digest' on 'SubtleCrypto'"
    requireArguments(arguments.length, 2, context)
    const given = isObject(algorithm) ? algorithm : domString(algorithm)
    if (!isBufferSource(data)) throw new TypeError(`${context}: parameter 2 is not of type 'BufferSource'.`)
    const copy = copyBytes(data)
    return host.digest(digestName(given, context), copy)
  }
}

/** Normalizes an algorithm identifier: a name, in any case, or an object that has one. */
function digestName(algorithm: object | string, context: string): Digest {
  const named = isObject(algorithm) ? dictionary(algorithm, context).name : algorithm
  if (named === undefined) throw new TypeError(`${context}: Algorithm: name: Missing or not a string.`)
  const name = domString(named)
  if (isAscii(name)) {
    const upper = stringToUpperCase(name)
    for (let i = 0; i < DIGESTS.length; i++) if (DIGESTS[i] === upper) return DIGESTS[i]!
  }
  throw new DOMException(`${context}: Unrecognized algorithm name '${name}'.`, 'NotSupportedError')
}

defineInterface('SubtleCrypto', SubtleCrypto)

export class Crypto {
  #subtle = new (SubtleCrypto as new (key: symbol) => SubtleCrypto)(internally)

  constructor() {
    onlyInternally(arguments[0])
  }

  get subtle(): SubtleCrypto {
    return this.#subtle
  }

  getRandomValues<T extends ArrayBufferView>(array: T): T {
    void this.#subtle
    const context = "Failed to execute 'getRandomValues' on 'Crypto'"
    requireArguments(arguments.length, 1, context)
    if (!isBufferSource(array) || !arrayBufferIsView(array)) {
      throw new TypeError(`${context}: parameter 1 is not of type 'ArrayBufferView'.`)
    }
    const tag = typedArrayTag(array)
    if (tag === undefined || tag === 'Float16Array' || tag === 'Float32Array' || tag === 'Float64Array') {
      throw new DOMException(`${context}: The array is not one of integers.`, 'TypeMismatchError')
    }
    const bytes = bytesOf(array)
    const length = typedArrayByteLength(bytes)
    if (length > RANDOM_BYTES_MAX) {
      throw new QuotaExceededError(
        `${context}: ${length} bytes are more than the ${RANDOM_BYTES_MAX} that one call may ask for.`,
      )
    }
    host.fillRandom(bytes)
    return array
  }

  randomUUID(): string {
    void this.#subtle
    const bytes = new Uint8Array(16)
    host.fillRandom(bytes)
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    let text = ''
    for (let i = 0; i < 16; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) text += '-'
      text += stringSlice(numberToString(bytes[i]! + 0x100, 16), 1)
    }
    return text
  }
}

defineInterface('Crypto', Crypto)

export const crypto: Crypto = new (Crypto as new (key: symbol) => Crypto)(internally)
