/**
 * The first half of structuredClone: reads a value, with all that it refers to, into nodes. Guests' getters run here.
 */
import {
  type Blob,
  blobBytes,
  blobType,
  createBlob,
  createFileFromBytes,
  type File,
  fileLastModified,
  fileName,
  isBlob,
  isFile,
} from './blob.ts'
import { createKey, isCryptoKey, recordOf } from './crypto-key.ts'
import { DOMException, isDOMException } from './dom-exception.ts'
import {
  arrayBufferByteLength,
  arrayBufferDetached,
  arrayBufferIsView,
  arrayBufferMaxByteLength,
  arrayBufferResizable,
  arrayBufferResize,
  arrayIncludes,
  arrayPush,
  bigIntValueOf,
  booleanValueOf,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  dateValueOf,
  functionToString,
  getOwnPropertyDescriptor,
  isArray,
  isArrayBuffer,
  isError,
  mapForEach,
  mapGet,
  mapSet,
  mapSize,
  numberValueOf,
  objectToString,
  ownKeys,
  regExpFlags,
  regExpSource,
  setForEach,
  setSize,
  sharedArrayBufferByteLength,
  stringStartsWith,
  stringValueOf,
  symbolToString,
  typedArrayAt,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArrayLength,
  typedArrayTag,
} from './primordials.ts'
import { copyBytes, domString, isPlatformObject } from './webidl.ts'

/** What becomes of an object; `copy` is set once it has been made. */
export type Node = { copy?: object } & (
  | { kind: 'boxed'; value: boolean | number | bigint | string }
  | { kind: 'date'; time: number }
  | { kind: 'regexp'; source: string; flags: string }
  | { kind: 'buffer'; bytes: Uint8Array; bytesMax: number | undefined }
  | { kind: 'transferred'; object: object }
  /** `length`: in elements; undefined if it follows the buffer's. */
  | { kind: 'view'; type: string; buffer: Item; offset: number; length: number | undefined }
  | { kind: 'map'; items: Item[] }
  | { kind: 'set'; items: Item[] }
  | {
      kind: 'error'
      name: string
      message: string | undefined
      stack: string | undefined
      cause: Item | undefined
    }
  | { kind: 'object'; length: number | undefined; keys: string[]; values: Item[] }
  /** Something that can be made at once, or need not be made anew. */
  | { kind: 'made'; make: () => object }
)

/** A primitive, or what becomes of an object. */
export type Item = Node | string | number | bigint | boolean | null | undefined

const ERROR_NAMES = ['EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError']

/** Built-ins that have state which cannot be copied, by what Object.prototype.toString says of them. */
const UNCLONEABLE = [
  '[object AsyncGenerator]',
  '[object FinalizationRegistry]',
  '[object Generator]',
  '[object Promise]',
  '[object Symbol]',
  '[object WeakMap]',
  '[object WeakRef]',
  '[object WeakSet]',
]

/** Of a typed array. */
const ELEMENT_BYTES_MAX = 8

export function dataCloneError(message: string): DOMException {
  return new DOMException(message, 'DataCloneError')
}

export class Serializer {
  #nodes = new Map<object, Node>()

  /** Has what the object stands for move to the copy instead of being copied. */
  transfer(object: object): Node & { kind: 'transferred' } {
    if (mapGet(this.#nodes, object) !== undefined)
      throw dataCloneError('An object is to be transferred twice.')
    const node = { kind: 'transferred', object } as const
    mapSet(this.#nodes, object, node)
    return node
  }

  serialize(value: unknown): Item {
    if (typeof value === 'symbol') throw dataCloneError(`${symbolToString(value)} could not be cloned.`)
    if (typeof value === 'function') throw dataCloneError(`${functionToString(value)} could not be cloned.`)
    if (typeof value !== 'object' || value === null) return value as Item
    const known = mapGet(this.#nodes, value)
    if (known !== undefined) return known
    if (arrayBufferIsView(value)) return this.#add(value, this.#viewNode(value))
    if (isArray(value)) return this.#serializeProperties(value, value.length)
    const node = platformNode(value) ?? leafNode(value)
    if (node !== undefined) return this.#add(value, node)
    return this.#serializeCollection(value)
  }

  #add<N extends Node>(value: object, node: N): N {
    mapSet(this.#nodes, value, node)
    return node
  }

  #serializeCollection(value: object): Node {
    if (isError(value)) return this.#serializeError(value as Error)
    const tag = objectToString(value)
    if (tag === '[object Map]' && hasBrand(mapSize, value)) {
      const items: Item[] = []
      const pairs: unknown[] = []
      mapForEach(value as Map<unknown, unknown>, (item, key) => arrayPush(pairs, key, item))
      return this.#serializeItems(this.#add(value, { kind: 'map', items }), items, pairs)
    }
    if (tag === '[object Set]' && hasBrand(setSize, value)) {
      const items: Item[] = []
      const members: unknown[] = []
      setForEach(value as Set<unknown>, member => arrayPush(members, member))
      return this.#serializeItems(this.#add(value, { kind: 'set', items }), items, members)
    }
    if (arrayIncludes(UNCLONEABLE, tag) || stringStartsWith(tag, '[object WebAssembly.')) {
      throw dataCloneError(`${tag} could not be cloned.`)
    }
    return this.#serializeProperties(value, undefined)
  }

  #serializeItems(node: Node, items: Item[], values: unknown[]): Node {
    for (let i = 0; i < values.length; i++) arrayPush(items, this.serialize(values[i]))
    return node
  }

  #serializeProperties(value: object, length: number | undefined): Node {
    const keys: string[] = []
    const values: Item[] = []
    const node = this.#add(value, { kind: 'object', length, keys, values })
    const own = ownKeys(value)
    for (let i = 0; i < own.length; i++) {
      const key = own[i]!
      if (typeof key !== 'string' || !getOwnPropertyDescriptor(value, key)?.enumerable) continue
      const item = this.serialize((value as Record<string, unknown>)[key])
      arrayPush(keys, key)
      arrayPush(values, item)
    }
    return node
  }

  #serializeError(error: Error): Node {
    const { name } = error
    const message = getOwnPropertyDescriptor(error, 'message')
    const { stack } = error
    const node: Node & { kind: 'error' } = this.#add(error, {
      kind: 'error',
      name: arrayIncludes(ERROR_NAMES, name) ? name : 'Error',
      message: message !== undefined && 'value' in message ? domString(message.value) : undefined,
      stack: typeof stack === 'string' ? stack : undefined,
      cause: undefined,
    })
    const cause = getOwnPropertyDescriptor(error, 'cause')
    if (cause !== undefined) node.cause = this.serialize(error.cause)
    return node
  }

  #viewNode(view: ArrayBufferView): Node {
    const tag = typedArrayTag(view)
    const buffer = tag === undefined ? dataViewBuffer(view) : typedArrayBuffer(view)
    const item = this.serialize(buffer)
    let offset: number
    let bytes: number
    try {
      // Out of its buffer's bounds, a typed array would read as empty; its methods throw.
      if (tag !== undefined) typedArrayAt(view as Uint8Array, 0)
      offset = tag === undefined ? dataViewByteOffset(view) : typedArrayByteOffset(view)
      bytes = viewBytes(view)
    } catch {
      throw dataCloneError('A view that is out of its buffer’s bounds could not be cloned.')
    }
    const length = tag === undefined ? bytes : typedArrayLength(view)
    const tracking =
      isArrayBuffer(buffer) && arrayBufferResizable(buffer) && tracksLength(view, buffer, offset + bytes)
    return {
      kind: 'view',
      type: tag ?? 'DataView',
      buffer: item,
      offset,
      length: tracking ? undefined : length,
    }
  }
}

function platformNode(value: object): Node | undefined {
  if (isCryptoKey(value)) return { kind: 'made', make: () => createKey(recordOf(value)) }
  if (isFile(value)) return { kind: 'made', make: () => copyFile(value) }
  if (isBlob(value)) return { kind: 'made', make: () => copyBlob(value) }
  if (isDOMException(value)) {
    const { message, name } = value
    return { kind: 'made', make: () => new DOMException(message, name) }
  }
  if (isPlatformObject(value)) throw dataCloneError(`${objectToString(value)} could not be cloned.`)
  return undefined
}

function copyBlob(blob: Blob): Blob {
  return createBlob(blobBytes(blob), blobType(blob))
}

function copyFile(file: File): File {
  return createFileFromBytes(blobBytes(file), fileName(file), blobType(file), fileLastModified(file))
}

/** What refers to nothing else, by what Object.prototype.toString says, if it is that. */
function leafNode(value: object): Node | undefined {
  try {
    switch (objectToString(value)) {
      case '[object Boolean]':
        return { kind: 'boxed', value: booleanValueOf(value as never) }
      case '[object Number]':
        return { kind: 'boxed', value: numberValueOf(value as never) }
      case '[object BigInt]':
        return { kind: 'boxed', value: bigIntValueOf(value as never) }
      case '[object String]':
        return { kind: 'boxed', value: stringValueOf(value as never) }
      case '[object Date]':
        return { kind: 'date', time: dateValueOf(value as never) }
      case '[object RegExp]':
        return { kind: 'regexp', source: regExpSource(value), flags: regExpFlags(value) }
      case '[object ArrayBuffer]':
        arrayBufferByteLength(value)
        break
      case '[object SharedArrayBuffer]':
        sharedArrayBufferByteLength(value)
        break
      default:
        return undefined
    }
  } catch {
    return undefined
  }
  return bufferNode(value as ArrayBuffer)
}

function bufferNode(buffer: ArrayBuffer): Node {
  if (objectToString(buffer) === '[object SharedArrayBuffer]') {
    throw dataCloneError('A SharedArrayBuffer could not be cloned.')
  }
  if (arrayBufferDetached(buffer)) throw dataCloneError('A detached ArrayBuffer could not be cloned.')
  return {
    kind: 'buffer',
    bytes: copyBytes(buffer),
    bytesMax: arrayBufferResizable(buffer) ? arrayBufferMaxByteLength(buffer) : undefined,
  }
}

function hasBrand(get: (value: unknown) => unknown, value: unknown): boolean {
  try {
    get(value)
    return true
  } catch {
    return false
  }
}

/**
 * Whether a view of a resizable buffer follows its length: told by lengthening the buffer for a moment. Where that
 * cannot be, a view that reaches to the end of the buffer is taken for one that does.
 */
function tracksLength(view: ArrayBufferView, buffer: ArrayBuffer, end: number): boolean {
  const size = arrayBufferByteLength(buffer)
  const longer = size + ELEMENT_BYTES_MAX
  if (longer > arrayBufferMaxByteLength(buffer)) return end === size
  const before = viewBytes(view)
  try {
    arrayBufferResize(buffer, longer)
    return viewBytes(view) !== before
  } catch {
    return end === size
  } finally {
    arrayBufferResize(buffer, size)
  }
}

function viewBytes(view: ArrayBufferView): number {
  return typedArrayTag(view) === undefined ? dataViewByteLength(view) : typedArrayByteLength(view)
}
