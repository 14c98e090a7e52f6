/**
 * The language's built-ins as they were before guest code ran.
 *
 * Whatever the sandbox does with built-in methods it does through these, so a guest that patches
 * `Array.prototype`, `JSON` or `Promise.prototype.then` changes its own code's behaviour and nothing else. Syntax that
 * looks methods up at run time is as patchable as a call: no `for…of`, spread or array destructuring over what
 * is not ours, no `.then`, no regular expressions through `test`, `replace` or `split`.
 *
 * A method `Array.prototype.push` is `arrayPush(array, …)`. V8 inlines these like direct calls.
 */

const { bind, call } = Function.prototype

/** The method as a function whose first argument is `this`. */
export const uncurry = bind.bind(call) as unknown as <A extends unknown[], R>(
  method: (...args: A) => R,
) => (self: unknown, ...args: A) => R

function method<T extends object, K extends keyof T>(prototype: T, name: K) {
  return uncurry(prototype[name] as (...args: never[]) => unknown) as unknown as T[K] extends (
    ...args: infer A
  ) => infer R
    ? (self: T, ...args: A) => R
    : never
}

function getter<T extends object, K extends keyof T>(prototype: T, name: K) {
  return uncurry(Object.getOwnPropertyDescriptor(prototype, name)!.get!) as (self: unknown) => T[K]
}

export const { apply, construct, ownKeys } = Reflect
export const {
  create: objectCreate,
  defineProperty,
  defineProperties,
  freeze: objectFreeze,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  setPrototypeOf,
  is: objectIs,
} = Object
export const objectToString = method(Object.prototype, 'toString')
export const functionToString = method(Function.prototype, 'toString')

export const { isArray } = Array
export const arrayPush = uncurry(Array.prototype.push) as <T>(self: T[], ...items: T[]) => number
export const arrayPop = uncurry(Array.prototype.pop) as <T>(self: T[]) => T | undefined
export const arrayShift = uncurry(Array.prototype.shift) as <T>(self: T[]) => T | undefined
export const arraySlice = uncurry(Array.prototype.slice) as <T>(
  self: readonly T[],
  start?: number,
  end?: number,
) => T[]
export const arraySplice = uncurry(Array.prototype.splice) as <T>(
  self: T[],
  start: number,
  count: number,
  ...items: T[]
) => T[]
export const arraySort = uncurry(Array.prototype.sort) as <T>(
  self: T[],
  compare?: (a: T, b: T) => number,
) => T[]
export const arrayJoin = uncurry(Array.prototype.join) as (
  self: readonly unknown[],
  separator: string,
) => string
export const arrayIndexOf = uncurry(Array.prototype.indexOf) as <T>(self: readonly T[], item: T) => number
export const arrayIncludes = uncurry(Array.prototype.includes) as <T>(self: readonly T[], item: T) => boolean

export const { fromCharCode } = String
export const stringCharCodeAt = method(String.prototype, 'charCodeAt')
export const stringIncludes = method(String.prototype, 'includes')
export const stringIndexOf = method(String.prototype, 'indexOf')
export const stringIsWellFormed = method(String.prototype, 'isWellFormed')
export const stringLastIndexOf = method(String.prototype, 'lastIndexOf')
export const stringPadStart = method(String.prototype, 'padStart')
export const stringRepeat = method(String.prototype, 'repeat')
export const stringSlice = method(String.prototype, 'slice')
export const stringStartsWith = method(String.prototype, 'startsWith')
export const stringToLowerCase = method(String.prototype, 'toLowerCase')
export const stringToUpperCase = method(String.prototype, 'toUpperCase')
export const stringToWellFormed = method(String.prototype, 'toWellFormed')
export const stringTrim = method(String.prototype, 'trim')
export const stringValueOf = method(String.prototype, 'valueOf')

export const { isFinite: numberIsFinite, isNaN: numberIsNaN } = Number
export const numberToString = method(Number.prototype, 'toString')
export const numberToFixed = method(Number.prototype, 'toFixed')
export const numberValueOf = method(Number.prototype, 'valueOf')
export const bigIntValueOf = method(BigInt.prototype, 'valueOf')
export const booleanValueOf = method(Boolean.prototype, 'valueOf')
export const dateToISOString = method(Date.prototype, 'toISOString')
export const dateValueOf = method(Date.prototype, 'valueOf')
export const { isError } = Error
export const { floor, min, trunc } = Math

export const symbolToString = method(Symbol.prototype, 'toString')
export const symbolIterator: typeof Symbol.iterator = Symbol.iterator
export const symbolToStringTag: typeof Symbol.toStringTag = Symbol.toStringTag

/** Runs the expression from its last index; null if it does not match. */
export const regExpExec = method(RegExp.prototype, 'exec')

export const regExpFlags = getter(RegExp.prototype, 'flags')
export const regExpSource = getter(RegExp.prototype, 'source')

export const encodeUriComponent = encodeURIComponent

export const { parse: jsonParse, stringify: jsonStringify } = JSON

export const mapDelete = method(Map.prototype as Map<unknown, unknown>, 'delete')
export const mapEntries = method(Map.prototype as Map<unknown, unknown>, 'entries')
export const mapIteratorNext = uncurry(
  Object.getPrototypeOf(new Map().entries()).next as () => IteratorResult<unknown>,
)
export const mapForEach = uncurry(Map.prototype.forEach) as <K, V>(
  self: Map<K, V>,
  callback: (value: V, key: K) => void,
) => void
export const mapGet = uncurry(Map.prototype.get) as <K, V>(self: Map<K, V>, key: K) => V | undefined
export const mapHas = method(Map.prototype as Map<unknown, unknown>, 'has')
export const mapSet = uncurry(Map.prototype.set) as <K, V>(self: Map<K, V>, key: K, value: V) => Map<K, V>
export const mapSize = getter(Map.prototype, 'size')
export const setAdd = uncurry(Set.prototype.add) as <V>(self: Set<V>, value: V) => Set<V>
export const setDelete = method(Set.prototype as Set<unknown>, 'delete')
export const setIteratorNext = uncurry(
  Object.getPrototypeOf(new Set().values()).next as () => IteratorResult<unknown>,
)
export const setValues = method(Set.prototype as Set<unknown>, 'values')
export const setForEach = uncurry(Set.prototype.forEach) as <V>(
  self: Set<V>,
  callback: (value: V) => void,
) => void
export const setHas = method(Set.prototype as Set<unknown>, 'has')
export const setSize = getter(Set.prototype, 'size')

/** What `await` and `async` make; their prototype's methods may be patched, these are not. */
export const PromiseConstructor = Promise
export const promiseThen = uncurry(Promise.prototype.then) as <T, A = T, B = never>(
  self: Promise<T>,
  onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
  onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
) => Promise<A | B>
export const promiseResolve = bind.call(Promise.resolve, Promise) as <T>(
  value: T | PromiseLike<T>,
) => Promise<Awaited<T>>
export const promiseReject = bind.call(Promise.reject, Promise) as (reason: unknown) => Promise<never>

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array
const sharedByteLength = getter(SharedArrayBuffer.prototype, 'byteLength')
export const arrayBufferIsView = ArrayBuffer.isView
export const arrayBufferByteLength = getter(ArrayBuffer.prototype, 'byteLength')
export const arrayBufferDetached = getter(ArrayBuffer.prototype, 'detached')
export const arrayBufferMaxByteLength = getter(ArrayBuffer.prototype, 'maxByteLength')
export const arrayBufferResizable = getter(ArrayBuffer.prototype, 'resizable')
export const arrayBufferResize = method(ArrayBuffer.prototype, 'resize')
export const arrayBufferSlice = method(ArrayBuffer.prototype, 'slice')
export const arrayBufferTransfer = method(ArrayBuffer.prototype, 'transfer')
export const dataViewBuffer = getter(DataView.prototype, 'buffer')
export const dataViewByteLength = getter(DataView.prototype, 'byteLength')
export const dataViewByteOffset = getter(DataView.prototype, 'byteOffset')
export const typedArrayBuffer = getter(typedArrayPrototype, 'buffer')
export const typedArrayByteLength = getter(typedArrayPrototype, 'byteLength')
export const typedArrayByteOffset = getter(typedArrayPrototype, 'byteOffset')
export const typedArrayLength = getter(typedArrayPrototype, 'length')
/** The constructor's name, or undefined for what is no typed array. */
export const typedArrayTag = getter(typedArrayPrototype, Symbol.toStringTag) as (
  self: unknown,
) => string | undefined
export const typedArrayAt = method(typedArrayPrototype, 'at')
export const typedArrayFill = method(typedArrayPrototype, 'fill')
export const typedArraySet = method(typedArrayPrototype, 'set')
export const typedArrayIndexOf = method(typedArrayPrototype, 'indexOf')

export const uint8ArrayFromBase64 = bind.call(Uint8Array.fromBase64, Uint8Array) as (
  text: string,
) => Uint8Array<ArrayBuffer>
export const uint8ArrayToBase64 = method(Uint8Array.prototype, 'toBase64')

/** Whether the value is an ArrayBuffer, whatever its prototype says. */
export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  try {
    arrayBufferByteLength(value)
    return true
  } catch {
    return false
  }
}

export function isSharedArrayBuffer(value: unknown): value is SharedArrayBuffer {
  try {
    sharedByteLength(value)
    return true
  } catch {
    return false
  }
}

export { sharedByteLength as sharedArrayBufferByteLength }
