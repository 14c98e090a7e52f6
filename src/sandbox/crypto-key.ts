/** CryptoKey: what guests see of a key, and what only the sandbox has of it. */
import { arrayPush, isArray, ownKeys } from './primordials.ts'
import { bytesOf, defineInterface, internally, isBufferSource, isObject, onlyInternally } from './webidl.ts'

export interface KeyRecord {
  type: 'public' | 'private' | 'secret'
  /** Plain data: strings, numbers, bytes, objects of such. */
  algorithm: Record<string, unknown>
  extractable: boolean
  usages: string[]
  /** The key itself: raw, PKCS #8 or SPKI. Guest code never sees it, but by exportKey. */
  material: Uint8Array
}

export let recordOf: (key: CryptoKey) => KeyRecord
export let isCryptoKey: (value: unknown) => value is CryptoKey
export let createKey: (record: KeyRecord) => CryptoKey

export class CryptoKey {
  #record: KeyRecord
  #algorithm: unknown
  #usages: unknown

  constructor() {
    onlyInternally(arguments[0])
    this.#record = arguments[1] as KeyRecord
  }

  get type(): string {
    return this.#record.type
  }

  get extractable(): boolean {
    return this.#record.extractable
  }

  /** Always the same object; what a guest makes of it changes nothing. */
  get algorithm(): unknown {
    this.#algorithm ??= plainCopy(this.#record.algorithm)
    return this.#algorithm
  }

  get usages(): unknown {
    this.#usages ??= plainCopy(this.#record.usages)
    return this.#usages
  }

  static {
    recordOf = key => key.#record
    isCryptoKey = (value): value is CryptoKey => isObject(value) && #record in value
    createKey = record =>
      new (CryptoKey as new (key: symbol, record: KeyRecord) => CryptoKey)(internally, record)
  }
}

defineInterface('CryptoKey', CryptoKey)

/** Of plain data, with the prototypes that guests expect. */
export function plainCopy(value: unknown): unknown {
  if (!isObject(value)) return value
  if (isBufferSource(value)) return new Uint8Array(bytesOf(value))
  if (isArray(value)) {
    const items: unknown[] = []
    for (let i = 0; i < value.length; i++) arrayPush(items, value[i])
    return items
  }
  const members: Record<string, unknown> = {}
  const names = ownKeys(value) as string[]
  for (let i = 0; i < names.length; i++)
    members[names[i]!] = plainCopy((value as Record<string, unknown>)[names[i]!])
  return members
}
