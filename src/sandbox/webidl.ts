/**
 * What WebIDL asks of every interface: how classes look, and how arguments become the types that their signatures
 * name. `context` in the converters is the start of a message, as "Failed to execute 'append' on 'Headers'".
 *
 * Brand checks need no help: every method reaches its state through a `#private` field, which throws a TypeError
 * on anything but an instance.
 */
import {
  apply,
  arrayBufferByteLength,
  arrayBufferIsView,
  arrayPush,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  defineProperty,
  floor,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  isArrayBuffer,
  isSharedArrayBuffer,
  numberIsFinite,
  numberIsNaN,
  objectCreate,
  ownKeys,
  setAdd,
  setHas,
  sharedArrayBufferByteLength,
  stringCharCodeAt,
  stringIsWellFormed,
  stringToWellFormed,
  symbolIterator,
  symbolToStringTag,
  trunc,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArrayTag,
} from './primordials.ts'

/** Any class. */
export type InterfaceClass = abstract new (...args: never[]) => object

/**
 * Makes a class an interface: its name, `Symbol.toStringTag`, enumerable members, and constants on the class and
 * its prototype. A class that extends another one must be given after it.
 */
export function defineInterface(
  name: string,
  Class: InterfaceClass,
  constants: Record<string, number> = {},
): void {
  const prototype = Class.prototype
  setAdd(interfacePrototypes, prototype)
  defineProperty(Class, 'name', { value: name, configurable: true })
  defineProperty(prototype, symbolToStringTag, { value: name, configurable: true })
  makeEnumerable(prototype)
  makeEnumerable(Class)
  const names = ownKeys(constants) as string[]
  for (let i = 0; i < names.length; i++) {
    const constant = { value: constants[names[i]!], enumerable: true }
    defineProperty(Class, names[i]!, constant)
    defineProperty(prototype, names[i]!, constant)
  }
}

const interfacePrototypes = new Set<object>()

/** Whether the object inherits from an interface: structuredClone refuses those that it does not know. */
export function isPlatformObject(object: object): boolean {
  for (let o: object | null = getPrototypeOf(object); o !== null; o = getPrototypeOf(o)) {
    if (setHas(interfacePrototypes, o)) return true
  }
  return false
}

/** One for all: what is allocated while an isolate is made stays in its memory. */
const ENUMERABLE = { __proto__: null, enumerable: true } as PropertyDescriptor

/** Static members and operations: all own string keys but those that every function or prototype has. */
function makeEnumerable(object: object): void {
  const keys = ownKeys(object)
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    if (typeof key === 'symbol' || key === 'constructor' || key === 'prototype') continue
    if (typeof object === 'function' && (key === 'name' || key === 'length')) continue
    defineProperty(object, key, ENUMERABLE)
  }
}

/** A namespace object such as `console`: its operations are enumerable, it has a tag. */
export function defineNamespace(name: string, object: object): void {
  defineProperty(object, symbolToStringTag, { value: name, configurable: true })
}

/**
 * A base class whose constructor gives back its argument, so that a subclass stamps its `#private` fields on an
 * object that exists: on errors, and on the global object.
 */
export class Stamp {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is what the class is for
    return object
  }
}

/** Passed to the constructor of an interface that guests cannot construct. */
export const internally = Symbol('internally')

/** For constructors that only the platform calls: `constructor() { onlyInternally(arguments[0]) }`. */
export function onlyInternally(key: unknown): void {
  if (key !== internally) throw new TypeError('Illegal constructor')
}

/** Throws unless at least `needed` arguments were given. */
export function requireArguments(given: number, needed: number, context: string): void {
  if (given >= needed) return
  const plural = needed === 1 ? 'argument' : 'arguments'
  throw new TypeError(`${context}: ${needed} ${plural} required, but only ${given} present.`)
}

export function domString(value: unknown): string {
  return typeof value === 'string' ? value : `${value as string}`
}

/** A string without lone surrogates: each becomes U+FFFD. */
export function usvString(value: unknown): string {
  const text = typeof value === 'string' ? value : `${value as string}`
  return stringIsWellFormed(text) ? text : stringToWellFormed(text)
}

/** A string of code units up to 0xFF. */
export function byteString(value: unknown, context: string): string {
  const text = typeof value === 'string' ? value : `${value as string}`
  for (let i = 0; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit > 255) {
      throw new TypeError(
        `${context}: the character at index ${i} has a value of ${unit}, which is greater than 255.`,
      )
    }
  }
  return text
}

type IntegerMode = 'wrap' | 'clamp' | 'enforce'

/** An integer type of WebIDL, of at most 53 bits' precision. `enforce` throws out of range, `clamp` saturates. */
function integer(
  value: unknown,
  minimum: number,
  maximum: number,
  mode: IntegerMode,
  context: string,
): number {
  const number = +(value as number)
  if (mode === 'enforce') {
    const whole = trunc(number)
    if (!numberIsFinite(number) || whole < minimum || whole > maximum) {
      throw new TypeError(`${context}: Value is outside the range of ${minimum} to ${maximum}.`)
    }
    return whole + 0
  }
  if (numberIsNaN(number)) return 0
  if (mode === 'clamp') {
    if (number <= minimum) return minimum
    if (number >= maximum) return maximum
    const below = floor(number)
    const rest = number - below
    return (rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below) + 0
  }
  if (!numberIsFinite(number)) return 0
  const span = maximum - minimum + 1
  let whole = trunc(number) % span
  if (whole < minimum) whole += span
  else if (whole > maximum) whole -= span
  return whole + 0
}

export const unsignedShort = (value: unknown, context: string, mode: IntegerMode = 'wrap') =>
  integer(value, 0, 0xff_ff, mode, context)
export const long = (value: unknown, context: string, mode: IntegerMode = 'wrap') =>
  integer(value, -0x80_00_00_00, 0x7f_ff_ff_ff, mode, context)
export const unsignedLong = (value: unknown, context: string, mode: IntegerMode = 'wrap') =>
  integer(value, 0, 0xff_ff_ff_ff, mode, context)

/** `[EnforceRange]` and `[Clamp]` cut at 2^53 - 1; without either, modulo 2^64. */
export function unsignedLongLong(value: unknown, context: string, mode: IntegerMode = 'wrap'): number {
  return mode === 'wrap'
    ? integer(value, 0, 2 ** 64 - 1, mode, context)
    : integer(value, 0, 2 ** 53 - 1, mode, context)
}

export function longLong(value: unknown, context: string, mode: IntegerMode = 'wrap'): number {
  if (mode !== 'wrap') return integer(value, -(2 ** 53) + 1, 2 ** 53 - 1, mode, context)
  const number = +(value as number)
  if (!numberIsFinite(number)) return 0
  if (number > -(2 ** 63) && number < 2 ** 63) return trunc(number) + 0
  return Number(BigInt.asIntN(64, BigInt(trunc(number))))
}

/** A finite number. */
export function double(value: unknown, context: string): number {
  const number = +(value as number)
  if (!numberIsFinite(number)) throw new TypeError(`${context}: The provided double value is non-finite.`)
  return number
}

export type Callback = (...args: unknown[]) => unknown

export function callbackFunction(value: unknown, context: string): Callback {
  if (typeof value !== 'function') throw new TypeError(`${context} is not of type 'Function'.`)
  return value as Callback
}

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

const noMembers: Record<string, unknown> = objectCreate(null)

/**
 * The object whose members a dictionary reads, in lexicographic order; a missing one reads as undefined. Null
 * and undefined give the empty dictionary.
 */
export function dictionary(value: unknown, context: string): Record<string, unknown> {
  if (value === undefined || value === null) return noMembers
  if (!isObject(value)) throw new TypeError(`${context}: The provided value is not of type 'object'.`)
  return value as Record<string, unknown>
}

/** One of an enumeration's strings. */
export function enumeration<T extends string>(value: unknown, allowed: readonly T[], context: string): T {
  const text = domString(value)
  for (let i = 0; i < allowed.length; i++) if (allowed[i] === text) return allowed[i]!
  throw new TypeError(`${context}: The provided value '${text}' is not a valid enum value.`)
}

/** The value's iterator method, or undefined. Overload resolution asks this to tell sequences from others. */
export function iteratorMethod(value: object): Callback | undefined {
  const method: unknown = (value as Iterable<unknown>)[symbolIterator]
  if (method === undefined || method === null) return undefined
  if (typeof method !== 'function') throw new TypeError('The object’s Symbol.iterator is not a function.')
  return method as Callback
}

/** A sequence from an iterable, each item converted. `method` is what `iteratorMethod` gave, if it was asked. */
export function sequence<T>(
  value: unknown,
  convert: (item: unknown) => T,
  context: string,
  method: Callback | undefined = isObject(value) ? iteratorMethod(value) : undefined,
): T[] {
  if (!isObject(value) || method === undefined) {
    throw new TypeError(`${context}: The provided value cannot be converted to a sequence.`)
  }
  const iterator = apply(method, value, [])
  if (!isObject(iterator)) throw new TypeError(`${context}: The iterator is not an object.`)
  const next: unknown = (iterator as Iterator<unknown>).next
  const items: T[] = []
  for (;;) {
    const step: unknown = apply(next as Callback, iterator, [])
    if (!isObject(step)) throw new TypeError(`${context}: The iterator’s result is not an object.`)
    if ((step as IteratorResult<unknown>).done) return items
    arrayPush(items, convert((step as IteratorResult<unknown>).value))
  }
}

/** A record's entries, in the order of the object's own enumerable keys; a key given twice keeps its last value. */
export function recordEntries<V>(
  value: object,
  convertKey: (key: unknown) => string,
  convertValue: (value: unknown) => V,
): [string, V][] {
  const entries: [string, V][] = []
  const places: Record<string, number> = objectCreate(null)
  const keys = ownKeys(value)
  for (let i = 0; i < keys.length; i++) {
    const descriptor = getOwnPropertyDescriptor(value, keys[i]!)
    if (descriptor === undefined || !descriptor.enumerable) continue
    const key = convertKey(keys[i])
    const item = convertValue((value as Record<PropertyKey, unknown>)[keys[i]!])
    const place = places[key]
    if (place !== undefined) entries[place]![1] = item
    else {
      places[key] = entries.length
      arrayPush(entries, [key, item])
    }
  }
  return entries
}

/** An ArrayBuffer or a view of one; `shared` allows SharedArrayBuffers too. */
export function isBufferSource(value: unknown, shared = false): value is BufferSource {
  if (!isObject(value)) return false
  if (arrayBufferIsView(value)) return shared || isArrayBuffer(viewBuffer(value))
  return isArrayBuffer(value) || (shared && isSharedArrayBuffer(value))
}

export type BufferSource = ArrayBuffer | ArrayBufferView

function viewBuffer(view: object): ArrayBufferLike {
  return typedArrayTag(view) === undefined ? dataViewBuffer(view) : typedArrayBuffer(view)
}

/** The bytes of a buffer source, not copied. Detached ones and views out of bounds give none. */
export function bytesOf(source: BufferSource): Uint8Array {
  try {
    if (!arrayBufferIsView(source)) {
      const length = isArrayBuffer(source)
        ? arrayBufferByteLength(source)
        : sharedArrayBufferByteLength(source)
      return new Uint8Array(source, 0, length)
    }
    if (typedArrayTag(source) !== undefined) {
      return new Uint8Array(
        typedArrayBuffer(source),
        typedArrayByteOffset(source),
        typedArrayByteLength(source),
      )
    }
    return new Uint8Array(dataViewBuffer(source), dataViewByteOffset(source), dataViewByteLength(source))
  } catch {
    return new Uint8Array(0)
  }
}

/** The bytes of a buffer source, copied. */
export function copyBytes(source: BufferSource): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytesOf(source))
}
