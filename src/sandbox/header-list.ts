/**
 * Header lists, and what names and values in them are.
 *
 * A list is flat (name, value, name, value, …), its names are valid and in lower case, its values valid and
 * trimmed. Lists that are added to have no prototype, so that no accessor which a guest puts on Array.prototype
 * sees what is added.
 */
import {
  apply,
  arrayPop,
  arrayPush,
  arraySort,
  setPrototypeOf,
  stringCharCodeAt,
  stringSlice,
  stringToLowerCase,
} from './primordials.ts'
import { domString } from './webidl.ts'

export type HeaderList = string[]

/** Defines the elements of its result: no prototype is asked. */
const { split } = String.prototype

/** For each code unit below 128: 0 not allowed in a name, 1 allowed, 2 allowed and to be lower-cased. */
const NAME_UNITS = nameUnits()

function nameUnits(): Uint8Array {
  const table = new Uint8Array(128)
  for (let unit = 0x30; unit <= 0x39; unit++) table[unit] = 1
  for (let unit = 0x41; unit <= 0x5a; unit++) table[unit] = 2
  for (let unit = 0x61; unit <= 0x7a; unit++) table[unit] = 1
  for (let i = 0; i < 15; i++) table["!#$%&'*+-.^_`|~".charCodeAt(i)] = 1
  return table
}

export function newHeaderList(): HeaderList {
  return setPrototypeOf([], null)
}

export function copyHeaderList(list: HeaderList): HeaderList {
  const copy = newHeaderList()
  for (let i = 0; i < list.length; i++) copy[i] = list[i]!
  return copy
}

/** The list of `name\nvalue\n…`, which the host has validated. */
export function parseHeaderText(text: string): HeaderList {
  const list = apply(split, text, ['\n'])
  arrayPop(list)
  return list
}

/** The values of a header, combined; null if there is none. */
export function headerOf(list: HeaderList, name: string): string | null {
  let value: string | null = null
  const { length } = name
  for (let i = 0; i < list.length; i += 2) {
    // Most differ in length, and to look at that is cheaper.
    if (list[i]!.length === length && list[i] === name)
      value = value === null ? list[i + 1]! : `${value}, ${list[i + 1]}`
  }
  return value
}

export function indexOfName(list: HeaderList, name: string): number {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return i
  return -1
}

export function valuesOf(list: HeaderList, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) arrayPush(values, list[i + 1]!)
  return values
}

/** Removes the headers of this name from index `from` on. */
export function removeHeaders(list: HeaderList, name: string, from: number): void {
  let kept = from
  for (let i = from; i < list.length; i += 2) {
    if (list[i] === name) continue
    list[kept] = list[i]!
    list[kept + 1] = list[i + 1]!
    kept += 2
  }
  list.length = kept
}

/** The standard's "sort and combine": by name, one entry for each but Set-Cookie, which keeps its several. */
export function sortAndCombine(list: HeaderList): HeaderList {
  const pairs: { name: string; value: string }[] = setPrototypeOf([], null)
  for (let i = 0; i < list.length; i += 2) pairs[i >> 1] = { name: list[i]!, value: list[i + 1]! }
  arraySort(pairs, (a, b) => (a.name < b.name ? -1 : a.name === b.name ? 0 : 1))
  const sorted = newHeaderList()
  for (let i = 0; i < pairs.length; i++) {
    const { name, value } = pairs[i]!
    const last = sorted.length - 2
    if (last >= 0 && sorted[last] === name && name !== 'set-cookie') {
      sorted[last + 1] = `${sorted[last + 1]}, ${value}`
    } else {
      sorted[last + 2] = name
      sorted[last + 3] = value
    }
  }
  return sorted
}

/** 0: not a token. Otherwise NAME_UNITS of all its characters, taken together. */
function nameKind(name: string): number {
  let all = 0
  for (let i = 0; i < name.length; i++) {
    const unit = stringCharCodeAt(name, i)
    const kind = unit < 128 ? NAME_UNITS[unit]! : 0
    if (kind === 0) return 0
    all |= kind
  }
  return all
}

/** Whether the text is a token, as names of headers and methods are. */
export function isHeaderName(text: string): boolean {
  return nameKind(text) !== 0
}

/** A header's name in lower case. */
export function headerName(value: unknown, context: string): string {
  const name = domString(value)
  const kind = nameKind(name)
  if (kind === 0) throw new TypeError(`${context}: '${name}' is not a valid header name.`)
  return kind === 1 ? name : stringToLowerCase(name)
}

/** A header's value, trimmed. */
export function headerValue(value: unknown, context: string): string {
  const text = domString(value)
  let start = 0
  let end = text.length
  while (start < end && isHttpSpace(stringCharCodeAt(text, start))) start++
  while (end > start && isHttpSpace(stringCharCodeAt(text, end - 1))) end--
  for (let i = start; i < end; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit > 0xff || unit === 0 || unit === 0x0a || unit === 0x0d) {
      throw new TypeError(`${context}: '${text}' is not a valid header value.`)
    }
  }
  return start === 0 && end === text.length ? text : stringSlice(text, start, end)
}

function isHttpSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d
}
