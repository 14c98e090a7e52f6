/** Operations of crypto.subtle as messages to the host and back; src/runtime/subtle.ts tells their form. */
import { type CryptoKey, createKey, isCryptoKey, type KeyRecord, plainCopy, recordOf } from './crypto-key.ts'
import { DOMException } from './dom-exception.ts'
import { utf8Decode, utf8EncodeInto } from './encoding.ts'
import {
  arrayPush,
  isArray,
  jsonParse,
  jsonStringify,
  numberIsFinite,
  objectCreate,
  ownKeys,
  setPrototypeOf,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArraySet,
} from './primordials.ts'
import { copyBytes, isBufferSource, isObject } from './webidl.ts'

/** Members of algorithms and of JSON Web Keys, in the order in which a dictionary's are read. */
const MEMBERS = [
  'additionalData',
  'alg',
  'context',
  'counter',
  'crv',
  'd',
  'dp',
  'dq',
  'e',
  'ext',
  'hash',
  'info',
  'iterations',
  'iv',
  'k',
  'key_ops',
  'kty',
  'label',
  'length',
  'modulusLength',
  'n',
  'name',
  'namedCurve',
  'oth',
  'p',
  'public',
  'publicExponent',
  'q',
  'qi',
  'salt',
  'saltLength',
  'tagLength',
  'use',
  'x',
  'y',
] as const

const DEPTH_MAX = 3

/** An object that inherits nothing: JSON.stringify asks for `toJSON`. */
const bare = (): Record<string, unknown> => objectCreate(null)

/** Reads the arguments, getters included, and copies what they hold. */
export function encodeOperation(name: string, args: readonly unknown[]): Uint8Array {
  const pieces: Uint8Array[] = []
  let length = 0
  const place = (bytes: Uint8Array) => {
    const at = [length, typedArrayByteLength(bytes)]
    arrayPush(pieces, bytes)
    length += typedArrayByteLength(bytes)
    const reference = bare()
    reference.bytes = at
    return reference
  }
  const list = bareArray([name])
  for (let i = 0; i < args.length; i++) arrayPush(list, encode(args[i], place, 0))
  const text = jsonStringify(list)
  const message = new Uint8Array(4 + text.length * 3 + length)
  const { written } = utf8EncodeInto(text, message, 4)
  for (let i = 0; i < 4; i++) message[i] = written >>> (8 * i)
  let at = 4 + written
  for (let i = 0; i < pieces.length; i++) {
    typedArraySet(message, pieces[i]!, at)
    at += typedArrayByteLength(pieces[i]!)
  }
  return new Uint8Array(typedArrayBuffer(message), 0, at)
}

function bareArray(items: unknown[]): unknown[] {
  setPrototypeOf(items, null)
  return items
}

function encode(value: unknown, place: (bytes: Uint8Array) => unknown, depth: number): unknown {
  if (typeof value === 'number') return numberIsFinite(value) ? value : `${value}`
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (!isObject(value)) return value === undefined ? null : `${value as string}`
  if (isBufferSource(value)) return place(copyBytes(value))
  if (isCryptoKey(value)) return encodeKey(recordOf(value), place)
  if (depth > DEPTH_MAX) throw new TypeError('The argument nests too deep.')
  if (isArray(value)) {
    const items = bareArray([])
    for (let i = 0; i < value.length; i++) arrayPush(items, encode(value[i], place, depth + 1))
    return items
  }
  const members = bare()
  for (let i = 0; i < MEMBERS.length; i++) {
    const member = (value as Record<string, unknown>)[MEMBERS[i]!]
    if (member !== undefined) members[MEMBERS[i]!] = encode(member, place, depth + 1)
  }
  return members
}

function encodeKey(
  { type, algorithm, extractable, usages, material }: KeyRecord,
  place: (bytes: Uint8Array) => unknown,
) {
  const key = bare()
  key.type = type
  key.algorithm = encode(algorithm, place, 1)
  key.extractable = extractable
  key.usages = encode(usages, place, 1)
  key.material = place(material)
  const reference = bare()
  reference.key = key
  return reference
}

/** The operation's result; throws what the host says is wrong. */
export function decodeAnswer(answer: ArrayBuffer): unknown {
  const bytes = new Uint8Array(answer)
  const length = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)
  const text = withoutPrototypes(jsonParse(utf8Decode(new Uint8Array(answer, 4, length))))
  const read = (place: Place) => {
    const copy = new Uint8Array(place[1])
    typedArraySet(copy, new Uint8Array(answer, 4 + length + place[0], place[1]))
    return copy
  }
  if (isArray(text)) return decode(text[0], read)
  const { name, message } = text as { name: string; message: string }
  throw name === 'TypeError' ? new TypeError(message) : new DOMException(message, name)
}

type Place = [offset: number, length: number]

/** Guests may have put members on Object.prototype. */
function withoutPrototypes(value: unknown): unknown {
  if (!isObject(value)) return value
  setPrototypeOf(value, null)
  const names = ownKeys(value)
  for (let i = 0; i < names.length; i++) withoutPrototypes((value as Record<PropertyKey, unknown>)[names[i]!])
  return value
}

function decode(value: unknown, read: (place: Place) => Uint8Array<ArrayBuffer>): unknown {
  if (!isObject(value)) return value
  const { bytes, jwk, key, publicKey, privateKey } = value as Record<string, unknown>
  if (bytes) return read(bytes as Place).buffer
  if (jwk) return plainCopy(jwk)
  if (key) return decodeKey(key as Record<string, unknown>, read)
  return { publicKey: decode(publicKey, read), privateKey: decode(privateKey, read) }
}

function decodeKey(
  { type, algorithm, extractable, usages, material }: Record<string, unknown>,
  read: (place: Place) => Uint8Array<ArrayBuffer>,
): CryptoKey {
  const members = algorithm as Record<string, unknown>
  const { publicExponent } = members
  if (publicExponent !== undefined) members.publicExponent = read((publicExponent as { bytes: Place }).bytes)
  return createKey({
    type,
    algorithm: members,
    extractable,
    usages,
    material: read((material as { bytes: Place }).bytes),
  } as KeyRecord)
}
