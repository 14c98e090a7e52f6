/** Headers: the interface over header-list.ts, and the guards that say who may change what. */
import {
  copyHeaderList,
  type HeaderList,
  headerName,
  headerOf,
  headerValue,
  indexOfName,
  newHeaderList,
  removeHeaders,
  sortAndCombine,
  valuesOf,
} from './header-list.ts'
import { noCorsForbids, removePrivilegedNoCors } from './no-cors-headers.ts'
import { definePairIterable } from './pair-iterable.ts'
import { setPrototypeOf, symbolIterator } from './primordials.ts'
import {
  byteString,
  defineInterface,
  internally,
  isObject,
  iteratorMethod,
  recordEntries,
  requireArguments,
  sequence,
} from './webidl.ts'

/** What may be changed: everything, everything a request or a response may have, or nothing. */
export type Guard = 'none' | 'request' | 'request-no-cors' | 'response' | 'immutable'

let listOf: (headers: Headers) => HeaderList
let hasList: (value: object) => value is Headers
/** Adds what a guest gave as HeadersInit, as the guard allows. */
export let fillHeaders: (headers: Headers, init: unknown, context: string) => void
let entryAt: (headers: Headers, index: number) => readonly [string, string] | undefined

export class Headers {
  #list: HeaderList
  #guard: Guard
  /** What iteration shows, flat; null after a change. */
  #sorted: HeaderList | null = null

  /** `internally`, a list that is this object's from now on, and a guard, if the platform calls. */
  constructor(init: unknown = undefined) {
    if (init === internally) {
      this.#list = setPrototypeOf(arguments[1] as HeaderList, null)
      this.#guard = arguments[2] as Guard
      return
    }
    this.#list = newHeaderList()
    this.#guard = 'none'
    if (init !== undefined) this.#fill(init, "Failed to construct 'Headers'")
  }

  append(name: string, value: string): void {
    const list = this.#list
    const context = "Failed to execute 'append' on 'Headers'"
    requireArguments(arguments.length, 2, context)
    const key = headerName(name, context)
    const text = headerValue(value, context)
    if (!this.#allows(key, text, true)) return
    list[list.length] = key
    list[list.length] = text
    this.#changed()
  }

  delete(name: string): void {
    const list = this.#list
    const context = "Failed to execute 'delete' on 'Headers'"
    requireArguments(arguments.length, 1, context)
    const key = headerName(name, context)
    if (!this.#allows(key, null, false)) return
    removeHeaders(list, key, 0)
    this.#changed()
  }

  get(name: string): string | null {
    const list = this.#list
    const context = "Failed to execute 'get' on 'Headers'"
    requireArguments(arguments.length, 1, context)
    // A name that is found as it is needs no check.
    const found = typeof name === 'string' ? headerOf(list, name) : null
    return found ?? headerOf(list, headerName(name, context))
  }

  /** Workers had this for Set-Cookie before there was getSetCookie. */
  getAll(name: string): string[] {
    const list = this.#list
    const context = "Failed to execute 'getAll' on 'Headers'"
    requireArguments(arguments.length, 1, context)
    if (headerName(name, context) !== 'set-cookie') {
      throw new TypeError(`${context}: only the header Set-Cookie is supported.`)
    }
    return valuesOf(list, 'set-cookie')
  }

  getSetCookie(): string[] {
    return valuesOf(this.#list, 'set-cookie')
  }

  has(name: string): boolean {
    const list = this.#list
    const context = "Failed to execute 'has' on 'Headers'"
    requireArguments(arguments.length, 1, context)
    return indexOfName(list, headerName(name, context)) >= 0
  }

  set(name: string, value: string): void {
    const list = this.#list
    const context = "Failed to execute 'set' on 'Headers'"
    requireArguments(arguments.length, 2, context)
    const key = headerName(name, context)
    const text = headerValue(value, context)
    if (!this.#allows(key, text, false)) return
    const at = indexOfName(list, key)
    if (at >= 0) {
      list[at + 1] = text
      removeHeaders(list, key, at + 2)
    } else {
      list[list.length] = key
      list[list.length] = text
    }
    this.#changed()
  }

  /** Whether the guard lets a change happen; throws if the object must not be changed at all. */
  #allows(name: string, value: string | null, appending: boolean): boolean {
    if (this.#guard === 'immutable') throw new TypeError('These headers are immutable.')
    if (this.#guard !== 'request-no-cors') return true
    return !noCorsForbids(name, value, appending ? headerOf(this.#list, name) : null)
  }

  #changed(): void {
    this.#sorted = null
    if (this.#guard === 'request-no-cors') removePrivilegedNoCors(this.#list)
  }

  #fill(init: unknown, context: string): void {
    const list = this.#list
    fill(init, context, (name, value) => {
      if (this.#guard === 'request-no-cors' && !this.#allows(name, value, true)) return
      list[list.length] = name
      list[list.length] = value
    })
    this.#changed()
  }

  static {
    listOf = headers => headers.#list
    hasList = (value): value is Headers => #list in value
    entryAt = (headers, index) => {
      headers.#sorted ??= sortAndCombine(headers.#list)
      const name = headers.#sorted[index * 2]
      return name === undefined ? undefined : [name, headers.#sorted[index * 2 + 1]!]
    }
    fillHeaders = (headers, init, context) => headers.#fill(init, context)
  }
}

defineInterface('Headers', Headers)
definePairIterable<Headers, string, string>('Headers', Headers, { check: listOf!, entryAt: entryAt! })
const entries: unknown = Headers.prototype[symbolIterator as never]

/** A Headers object on a list, which is its own from now on. */
export function createHeaders(list: HeaderList, guard: Guard): Headers {
  return new (Headers as unknown as new (...args: unknown[]) => Headers)(internally, list, guard)
}

/** The list behind a Headers object; throws a TypeError on anything else. */
export function headerListOf(headers: Headers): HeaderList {
  return listOf(headers)
}

/** New headers with what the guard lets in of a list. */
export function copyHeaders(list: HeaderList, guard: Guard): Headers {
  if (guard !== 'request-no-cors') return createHeaders(copyHeaderList(list), guard)
  const headers = createHeaders(newHeaderList(), guard)
  fillHeaders(headers, createHeaders(list, 'none'), '')
  return headers
}

/** Reads HeadersInit: headers, a sequence of pairs, or a record. */
function fill(init: unknown, context: string, add: (name: string, value: string) => void): void {
  if (!isObject(init)) {
    throw new TypeError(
      `${context}: The provided value is not of type '(record<ByteString, ByteString> or sequence<sequence<ByteString>>)'.`,
    )
  }
  const iterate = iteratorMethod(init)
  if (iterate === undefined) {
    const convert = (text: unknown) => byteString(text, context)
    const pairs = recordEntries(init, convert, convert)
    for (let i = 0; i < pairs.length; i++) {
      const { 0: name, 1: value } = pairs[i]!
      add(headerName(name, context), headerValue(value, context))
    }
  } else if (iterate === entries && hasList(init)) {
    const list = listOf(init)
    for (let i = 0; i < list.length; i += 2) add(list[i]!, list[i + 1]!)
  } else {
    const pairs = sequence(
      init,
      pair => sequence(pair, text => byteString(text, context), context),
      context,
      iterate,
    )
    for (let i = 0; i < pairs.length; i++) {
      const { length, 0: name, 1: value } = pairs[i]!
      if (length !== 2) throw new TypeError(`${context}: Each header pair must have a name and a value.`)
      add(headerName(name, context), headerValue(value, context))
    }
  }
}
