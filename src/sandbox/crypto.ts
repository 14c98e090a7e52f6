/** crypto: random numbers, and what else there is of cryptography as `subtle`. */
import { host } from './current-host.ts'
import { type DigestStream, digestStreamClass } from './digest-stream.ts'
import { DOMException, QuotaExceededError } from './dom-exception.ts'
import {
  arrayBufferIsView,
  numberToString,
  stringSlice,
  typedArrayByteLength,
  typedArrayTag,
} from './primordials.ts'
import { createSubtle, type SubtleCrypto } from './subtle-crypto.ts'
import {
  bytesOf,
  defineInterface,
  internally,
  isBufferSource,
  onlyInternally,
  requireArguments,
} from './webidl.ts'

/** The most random bytes that one call may ask for. */
const RANDOM_BYTES_MAX = 65_536

export class Crypto {
  #subtle: SubtleCrypto | null = null

  constructor() {
    onlyInternally(arguments[0])
  }

  get subtle(): SubtleCrypto {
    this.#subtle ??= createSubtle()
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

  /** Cloudflare's: a constructor, not an instance. */
  get DigestStream(): typeof DigestStream {
    void this.#subtle
    return digestStreamClass()
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
