/** SubtleCrypto (https://w3c.github.io/webcrypto/#subtlecrypto-interface), with the host doing the work. */
import { isCryptoKey } from './crypto-key.ts'
import { host } from './current-host.ts'
import { DOMException } from './dom-exception.ts'
import { isAscii } from './latin1.ts'
import { stringToUpperCase, typedArrayByteLength } from './primordials.ts'
import { decodeAnswer, encodeOperation } from './subtle-message.ts'
import {
  type BufferSource,
  bytesOf,
  defineInterface,
  dictionary,
  domString,
  enumeration,
  internally,
  isBufferSource,
  isObject,
  onlyInternally,
  requireArguments,
  sequence,
} from './webidl.ts'

const DIGESTS = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512', 'MD5'] as const
type Digest = (typeof DIGESTS)[number]

const FORMATS = ['raw', 'spki', 'pkcs8', 'jwk'] as const
const USAGES = [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'deriveKey',
  'deriveBits',
  'wrapKey',
  'unwrapKey',
] as const

const contextOf = (name: string) => `Failed to execute '${name}' on 'SubtleCrypto'`

async function run(name: string, args: readonly unknown[]): Promise<unknown> {
  return decodeAnswer(await host.subtle(encodeOperation(name, args)))
}

/** The one of an app. */
export function createSubtle(): SubtleCrypto {
  return new (SubtleCrypto as new (key: symbol) => SubtleCrypto)(internally)
}

export class SubtleCrypto {
  #brand: undefined

  constructor() {
    onlyInternally(arguments[0])
  }

  async encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<unknown> {
    void this.#brand
    const context = check('encrypt', arguments.length, 3)
    return run('encrypt', [identifier(algorithm), keyIn(key, context, 2), bytesIn(data, context, 3)])
  }

  async decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<unknown> {
    void this.#brand
    const context = check('decrypt', arguments.length, 3)
    return run('decrypt', [identifier(algorithm), keyIn(key, context, 2), bytesIn(data, context, 3)])
  }

  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<unknown> {
    void this.#brand
    const context = check('sign', arguments.length, 3)
    return run('sign', [identifier(algorithm), keyIn(key, context, 2), bytesIn(data, context, 3)])
  }

  async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<unknown> {
    void this.#brand
    const context = check('verify', arguments.length, 4)
    return run('verify', [
      identifier(algorithm),
      keyIn(key, context, 2),
      bytesIn(signature, context, 3),
      bytesIn(data, context, 4),
    ])
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    void this.#brand
    const context = check('digest', arguments.length, 2)
    const given = identifier(algorithm)
    return host.digest(digestName(given, context), bytesOf(bytesIn(data, context, 2)))
  }

  async generateKey(algorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<unknown> {
    void this.#brand
    const context = check('generateKey', arguments.length, 3)
    return run('generateKey', [identifier(algorithm), !!extractable, usagesIn(keyUsages, context)])
  }

  async deriveKey(
    algorithm: unknown,
    baseKey: unknown,
    derivedKeyType: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<unknown> {
    void this.#brand
    const context = check('deriveKey', arguments.length, 5)
    return run('deriveKey', [
      identifier(algorithm),
      keyIn(baseKey, context, 2),
      identifier(derivedKeyType),
      !!extractable,
      usagesIn(keyUsages, context),
    ])
  }

  async deriveBits(algorithm: unknown, baseKey: unknown, length: unknown = null): Promise<unknown> {
    void this.#brand
    const context = check('deriveBits', arguments.length, 2)
    return run('deriveBits', [identifier(algorithm), keyIn(baseKey, context, 2), length])
  }

  async importKey(
    format: unknown,
    keyData: unknown,
    algorithm: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<unknown> {
    void this.#brand
    const context = check('importKey', arguments.length, 5)
    return run('importKey', [
      enumeration(format, FORMATS, context),
      isBufferSource(keyData) ? keyData : dictionary(keyData, context),
      identifier(algorithm),
      !!extractable,
      usagesIn(keyUsages, context),
    ])
  }

  async exportKey(format: unknown, key: unknown): Promise<unknown> {
    void this.#brand
    const context = check('exportKey', arguments.length, 2)
    return run('exportKey', [enumeration(format, FORMATS, context), keyIn(key, context, 2)])
  }

  async wrapKey(
    format: unknown,
    key: unknown,
    wrappingKey: unknown,
    wrapAlgorithm: unknown,
  ): Promise<unknown> {
    void this.#brand
    const context = check('wrapKey', arguments.length, 4)
    return run('wrapKey', [
      enumeration(format, FORMATS, context),
      keyIn(key, context, 2),
      keyIn(wrappingKey, context, 3),
      identifier(wrapAlgorithm),
    ])
  }

  async unwrapKey(
    format: unknown,
    wrappedKey: unknown,
    unwrappingKey: unknown,
    unwrapAlgorithm: unknown,
    unwrappedKeyAlgorithm: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<unknown> {
    void this.#brand
    const context = check('unwrapKey', arguments.length, 7)
    return run('unwrapKey', [
      enumeration(format, FORMATS, context),
      bytesIn(wrappedKey, context, 2),
      keyIn(unwrappingKey, context, 3),
      identifier(unwrapAlgorithm),
      identifier(unwrappedKeyAlgorithm),
      !!extractable,
      usagesIn(keyUsages, context),
    ])
  }

  /** Cloudflare's: compares in a time that tells nothing of where they differ. TypeError if they differ in length. */
  timingSafeEqual(a: unknown, b: unknown): boolean {
    void this.#brand
    const context = check('timingSafeEqual', arguments.length, 2)
    const one = bytesOf(bytesIn(a, context, 1))
    const two = bytesOf(bytesIn(b, context, 2))
    const length = typedArrayByteLength(one)
    if (length !== typedArrayByteLength(two))
      throw new TypeError(`${context}: The arguments differ in length.`)
    let difference = 0
    for (let i = 0; i < length; i++) difference |= one[i]! ^ two[i]!
    return difference === 0
  }
}

defineInterface('SubtleCrypto', SubtleCrypto)

function check(name: string, given: number, needed: number): string {
  const context = contextOf(name)
  requireArguments(given, needed, context)
  return context
}

/** A name, or an object that has one. */
function identifier(value: unknown): object | string {
  return isObject(value) ? value : domString(value)
}

function keyIn(value: unknown, context: string, at: number): object {
  if (isCryptoKey(value)) return value
  throw new TypeError(`${context}: parameter ${at} is not of type 'CryptoKey'.`)
}

function bytesIn(value: unknown, context: string, at: number): BufferSource {
  if (isBufferSource(value)) return value as BufferSource
  throw new TypeError(`${context}: parameter ${at} is not of type 'BufferSource'.`)
}

function usagesIn(value: unknown, context: string): string[] {
  return sequence(value, usage => enumeration(usage, USAGES, context), context)
}

/** Normalizes an algorithm identifier: a name, in any case, or an object that has one. */
export function digestName(algorithm: object | string, context: string): Digest {
  const named = isObject(algorithm) ? dictionary(algorithm, context).name : algorithm
  if (named === undefined) throw new TypeError(`${context}: Algorithm: name: Missing or not a string.`)
  const name = domString(named)
  if (isAscii(name)) {
    const upper = stringToUpperCase(name)
    for (let i = 0; i < DIGESTS.length; i++) if (DIGESTS[i] === upper) return DIGESTS[i]!
  }
  throw new DOMException(`${context}: Unrecognized algorithm name '${name}'.`, 'NotSupportedError')
}
