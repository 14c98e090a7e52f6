/**
 * Values as text for developers, much as Node prints them.
 *
 * The text is bounded, and so is the work: so deep, so many entries, so many characters, whatever the value is.
 * No getter of a guest is called, and whatever a proxy throws is swallowed.
 */
import { formatEntries, formatKey, MORE, quote } from './inspect-layout.ts'
import { className, platformEntries, readStack } from './inspect-names.ts'
import {
  arrayBufferIsView,
  arrayIndexOf,
  arrayPop,
  arrayPush,
  bigIntValueOf,
  booleanValueOf,
  dateToISOString,
  dateValueOf,
  functionToString,
  getOwnPropertyDescriptor,
  isArray,
  isError,
  mapEntries,
  mapIteratorNext,
  mapSize,
  numberIsNaN,
  numberValueOf,
  objectIs,
  objectToString,
  ownKeys,
  regExpFlags,
  regExpSource,
  setIteratorNext,
  setSize,
  setValues,
  stringIncludes,
  stringSlice,
  stringStartsWith,
  stringValueOf,
  symbolToString,
  typedArrayLength,
  typedArrayTag,
} from './primordials.ts'
import { bytesOf } from './webidl.ts'

/** Objects inside objects: below this they are only named. */
const DEPTH_MAX = 4
/** Of one object, array, map or set. */
const ENTRIES_MAX = 100
/** Of a string inside something. */
const STRING_CHARS_MAX = 10_000
/** Of the whole text, roughly: past it, objects are only named. */
const TEXT_CHARS_MAX = 16_384
/** Indexes looked at in an array that may have holes. */
const INDEXES_MAX = 1000

export function inspect(value: unknown, depthMax = DEPTH_MAX): string {
  return new Inspector(depthMax).format(value, 0)
}

class Inspector {
  #depthMax: number
  #room = TEXT_CHARS_MAX
  /** The objects that the one being formatted lies in. */
  #path: object[] = []
  /** Those of them that were met again inside themselves. */
  #circular: object[] = []

  constructor(depthMax: number) {
    this.#depthMax = depthMax
  }

  format(value: unknown, depth: number): string {
    const text = isObjectLike(value) ? this.#formatObject(value, depth) : formatPrimitive(value)
    this.#room -= text.length
    return text
  }

  #formatObject(value: object, depth: number): string {
    const again = arrayIndexOf(this.#path, value) >= 0
    if (again) {
      if (arrayIndexOf(this.#circular, value) < 0) arrayPush(this.#circular, value)
      return `[Circular *${arrayIndexOf(this.#circular, value) + 1}]`
    }
    arrayPush(this.#path, value)
    try {
      const text = this.#describe(value, depth)
      const reference = arrayIndexOf(this.#circular, value) + 1
      return reference > 0 ? `<ref *${reference}> ${text}` : text
    } catch {
      return '[an object that cannot be inspected]'
    } finally {
      arrayPop(this.#path)
    }
  }

  #describe(value: object, depth: number): string {
    const name = className(value)
    if (typeof value === 'function') return this.#withProperties(functionName(value, name), value, depth)
    if (isError(value)) return this.#formatError(value as Error, depth)
    const leaf = leafText(value)
    if (leaf !== undefined) return this.#withProperties(leaf, value, depth)
    if (depth > this.#depthMax || this.#room <= 0) return isArray(value) ? '[Array]' : `[${name ?? 'Object'}]`
    if (isArray(value)) return this.#formatArray(value, name, depth)
    if (arrayBufferIsView(value) && typedArrayTag(value) !== undefined) {
      return this.#formatTypedArray(value as Uint8Array, name)
    }
    return this.#formatCollection(value, name, depth) ?? this.#formatPlain(value, name, depth)
  }

  #formatPlain(value: object, name: string | undefined, depth: number): string {
    const platform = platformEntries(value)
    const entries: string[] = []
    if (platform === undefined) this.#addProperties(entries, value, depth)
    else {
      for (let i = 0; i < platform.length; i++) {
        arrayPush(entries, `${formatKey(platform[i]![0])}: ${this.format(platform[i]![1], depth + 1)}`)
      }
    }
    const prefix = name === undefined ? '[Object: null prototype] ' : name === 'Object' ? '' : `${name} `
    return formatEntries(`${prefix}{`, entries, '}')
  }

  #formatArray(value: unknown[], name: string | undefined, depth: number): string {
    const { length } = value
    const entries: string[] = []
    let index = 0
    while (index < length && index < INDEXES_MAX && entries.length < ENTRIES_MAX) {
      const start = index
      let property = getOwnPropertyDescriptor(value, index)
      while (property === undefined && ++index < length && index < INDEXES_MAX) {
        property = getOwnPropertyDescriptor(value, index)
      }
      if (index > start) arrayPush(entries, `<${index - start} empty item${index - start === 1 ? '' : 's'}>`)
      if (property === undefined) break
      arrayPush(entries, this.#formatProperty(property, depth))
      index++
    }
    addMore(entries, length - index)
    if (length <= INDEXES_MAX) this.#addProperties(entries, value, depth, true)
    return formatEntries(
      name === 'Array' ? '[' : `${name ?? '[Array: null prototype]'}(${length}) [`,
      entries,
      ']',
    )
  }

  #formatTypedArray(value: Uint8Array, name: string | undefined): string {
    const length = typedArrayLength(value)
    const entries: string[] = []
    for (let i = 0; i < length && i < ENTRIES_MAX; i++) arrayPush(entries, formatPrimitive(value[i]))
    addMore(entries, length - ENTRIES_MAX)
    return formatEntries(`${name ?? typedArrayTag(value)}(${length}) [`, entries, ']')
  }

  #formatCollection(value: object, name: string | undefined, depth: number): string | undefined {
    const entries: string[] = []
    switch (objectToString(value)) {
      case '[object Map]': {
        const size = mapSize(value)
        const iterator = mapEntries(value as Map<unknown, unknown>)
        for (let i = 0; i < size && i < ENTRIES_MAX; i++) {
          const pair = mapIteratorNext(iterator).value as [unknown, unknown]
          arrayPush(entries, `${this.format(pair[0], depth + 1)} => ${this.format(pair[1], depth + 1)}`)
        }
        addMore(entries, size - ENTRIES_MAX)
        this.#addProperties(entries, value, depth)
        return formatEntries(`${name ?? 'Map'}(${size}) {`, entries, '}')
      }
      case '[object Set]': {
        const size = setSize(value)
        const iterator = setValues(value as Set<unknown>)
        for (let i = 0; i < size && i < ENTRIES_MAX; i++) {
          arrayPush(entries, this.format(setIteratorNext(iterator).value, depth + 1))
        }
        addMore(entries, size - ENTRIES_MAX)
        this.#addProperties(entries, value, depth)
        return formatEntries(`${name ?? 'Set'}(${size}) {`, entries, '}')
      }
      case '[object ArrayBuffer]':
      case '[object SharedArrayBuffer]':
        return formatBuffer(value as ArrayBuffer, name)
    }
    return undefined
  }

  /** The stack, then what else there is to the error. */
  #formatError(error: Error, depth: number): string {
    const stack = readStack(error)
    const text = stack === undefined || stack === '' ? `[${className(error) ?? 'Error'}]` : stack
    const entries: string[] = []
    const hidden = ['cause', 'errors']
    for (let i = 0; i < hidden.length; i++) {
      const property = getOwnPropertyDescriptor(error, hidden[i]!)
      if (property !== undefined && !property.enumerable) {
        arrayPush(entries, `[${hidden[i]}]: ${this.#formatProperty(property, depth)}`)
      }
    }
    if (depth <= this.#depthMax) this.#addProperties(entries, error, depth)
    return entries.length === 0 ? text : formatEntries(`${text} {`, entries, '}', true)
  }

  /** A text that stands for the object, and the properties that it has besides. */
  #withProperties(text: string, value: object, depth: number): string {
    const entries: string[] = []
    if (depth <= this.#depthMax)
      this.#addProperties(entries, value, depth, objectToString(value) === '[object String]')
    return entries.length === 0 ? text : formatEntries(`${text} {`, entries, '}')
  }

  /** Own enumerable properties; `notIndexes`: those of the elements are left out. */
  #addProperties(entries: string[], value: object, depth: number, notIndexes = false): void {
    const keys = ownKeys(value)
    let left = 0
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      if (notIndexes && typeof key === 'string' && isIndex(key)) continue
      if (entries.length >= ENTRIES_MAX || this.#room <= 0) {
        left = keys.length - i
        break
      }
      const property = getOwnPropertyDescriptor(value, key)
      if (property === undefined || !property.enumerable) continue
      arrayPush(entries, `${formatKey(key)}: ${this.#formatProperty(property, depth)}`)
    }
    addMore(entries, left)
  }

  #formatProperty(property: PropertyDescriptor, depth: number): string {
    if ('value' in property) return this.format(property.value, depth + 1)
    return property.get === undefined
      ? '[Setter]'
      : property.set === undefined
        ? '[Getter]'
        : '[Getter/Setter]'
  }
}

function isObjectLike(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function formatPrimitive(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const over = value.length - STRING_CHARS_MAX
      return over > 0
        ? `${quote(stringSlice(value, 0, STRING_CHARS_MAX))}... ${over} more characters`
        : quote(value)
    }
    case 'number':
      return objectIs(value, -0) ? '-0' : `${value}`
    case 'bigint':
      return `${value}n`
    case 'symbol':
      return symbolToString(value)
  }
  return `${value}`
}

function addMore(entries: string[], count: number): void {
  if (count > 0) arrayPush(entries, `${MORE}${count} more item${count === 1 ? '' : 's'}`)
}

function isIndex(key: string): boolean {
  return `${+key >>> 0}` === key
}

/** What is said whole in one text: boxed primitives, dates and the like; undefined for other objects. */
function leafText(value: object): string | undefined {
  try {
    switch (objectToString(value)) {
      case '[object Boolean]':
        return `[Boolean: ${booleanValueOf(value as never)}]`
      case '[object Number]':
        return `[Number: ${formatPrimitive(numberValueOf(value as never))}]`
      case '[object BigInt]':
        return `[BigInt: ${bigIntValueOf(value as never)}n]`
      case '[object String]':
        return `[String: ${formatPrimitive(stringValueOf(value as never))}]`
      case '[object Date]':
        return numberIsNaN(dateValueOf(value as Date)) ? 'Invalid Date' : dateToISOString(value as Date)
      case '[object RegExp]':
        return `/${regExpSource(value)}/${regExpFlags(value)}`
      case '[object WeakMap]':
        return 'WeakMap { <items unknown> }'
      case '[object WeakSet]':
        return 'WeakSet { <items unknown> }'
    }
  } catch {}
  return undefined
}

function functionName(value: object, constructorName: string | undefined): string {
  const property = getOwnPropertyDescriptor(value, 'name')
  const named = property !== undefined && typeof property.value === 'string' && property.value !== ''
  if (stringStartsWith(functionToString(value as () => void), 'class')) {
    return named ? `[class ${property.value}]` : '[class (anonymous)]'
  }
  const kind =
    constructorName !== undefined && stringIncludes(constructorName, 'Function')
      ? constructorName
      : 'Function'
  return named ? `[${kind}: ${property.value}]` : `[${kind} (anonymous)]`
}

/** How many bytes of a buffer are shown. */
const BUFFER_BYTES_MAX = 50

function formatBuffer(buffer: ArrayBuffer, name: string | undefined): string {
  const bytes = bytesOf(buffer)
  let contents = ''
  for (let i = 0; i < bytes.length && i < BUFFER_BYTES_MAX; i++) {
    contents += `${i > 0 ? ' ' : ''}${stringSlice((bytes[i]! + 0x100).toString(16), 1)}`
  }
  const more = bytes.length > BUFFER_BYTES_MAX ? ` ... ${bytes.length - BUFFER_BYTES_MAX} more bytes` : ''
  return `${name ?? 'ArrayBuffer'} { [Uint8Contents]: <${contents}${more}>, byteLength: ${bytes.length} }`
}
