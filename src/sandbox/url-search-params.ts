/**
 * URLSearchParams, and the application/x-www-form-urlencoded format.
 */
import { definePairIterable } from './pair-iterable.ts'
import { FORM, percentDecode, percentEncode } from './percent.ts'
import { arrayPush, arraySort, stringCharCodeAt, stringIndexOf, stringSlice } from './primordials.ts'
import {
  defineInterface,
  isObject,
  iteratorMethod,
  recordEntries,
  requireArguments,
  sequence,
  usvString,
} from './webidl.ts'

type Pair = [name: string, value: string]

/** Parses the format's text, which has no lone surrogates. */
export function parseUrlencoded(text: string): Pair[] {
  const pairs: Pair[] = []
  const { length } = text
  let start = 0
  while (start < length) {
    let end = stringIndexOf(text, '&', start)
    if (end < 0) end = length
    if (end > start) {
      const equals = stringIndexOf(text, '=', start)
      const named = equals >= 0 && equals < end
      const name = stringSlice(text, start, named ? equals : end)
      const value = named ? stringSlice(text, equals + 1, end) : ''
      arrayPush(pairs, [percentDecode(name, true), percentDecode(value, true)])
    }
    start = end + 1
  }
  return pairs
}

function serializeUrlencoded(pairs: readonly Pair[]): string {
  let text = ''
  for (let i = 0; i < pairs.length; i++) {
    if (i > 0) text += '&'
    text += `${percentEncode(pairs[i]![0], FORM, true)}=${percentEncode(pairs[i]![1], FORM, true)}`
  }
  return text
}

/** The state of a URLSearchParams, whatever a guest has made of its methods. */
let pairsOf: (params: URLSearchParams) => readonly Pair[]
/** Those of a URL: `changed` is told the new query. */
export let newUrlSearchParams: (query: string, changed: (query: string) => void) => URLSearchParams
/** The URL's query has changed. */
export let replaceParams: (params: URLSearchParams, query: string) => void
export let isURLSearchParams: (value: unknown) => value is URLSearchParams

export function serializeURLSearchParams(params: URLSearchParams): string {
  return serializeUrlencoded(pairsOf(params))
}

export class URLSearchParams {
  #pairs: Pair[]
  /** Tells the URL that these are the query of. */
  #changed: ((query: string) => void) | undefined

  constructor(init: unknown = '') {
    this.#pairs = isObject(init) ? pairsFromObject(init) : parseUrlencoded(withoutMark(usvString(init)))
  }

  get size(): number {
    return this.#pairs.length
  }

  append(name: unknown, value: unknown): void {
    const pairs = this.#pairs
    requireArguments(arguments.length, 2, "Failed to execute 'append' on 'URLSearchParams'")
    const key = usvString(name)
    arrayPush(pairs, [key, usvString(value)])
    this.#update()
  }

  delete(name: unknown, value: unknown = undefined): void {
    const pairs = this.#pairs
    requireArguments(arguments.length, 1, "Failed to execute 'delete' on 'URLSearchParams'")
    const key = usvString(name)
    const wanted = value === undefined ? undefined : usvString(value)
    keepIf(pairs, pair => pair[0] !== key || (wanted !== undefined && pair[1] !== wanted))
    this.#update()
  }

  get(name: unknown): string | null {
    const pairs = this.#pairs
    requireArguments(arguments.length, 1, "Failed to execute 'get' on 'URLSearchParams'")
    const key = usvString(name)
    for (let i = 0; i < pairs.length; i++) if (pairs[i]![0] === key) return pairs[i]![1]
    return null
  }

  getAll(name: unknown): string[] {
    const pairs = this.#pairs
    requireArguments(arguments.length, 1, "Failed to execute 'getAll' on 'URLSearchParams'")
    const key = usvString(name)
    const values: string[] = []
    for (let i = 0; i < pairs.length; i++) if (pairs[i]![0] === key) arrayPush(values, pairs[i]![1])
    return values
  }

  has(name: unknown, value: unknown = undefined): boolean {
    const pairs = this.#pairs
    requireArguments(arguments.length, 1, "Failed to execute 'has' on 'URLSearchParams'")
    const key = usvString(name)
    const wanted = value === undefined ? undefined : usvString(value)
    for (let i = 0; i < pairs.length; i++) {
      if (pairs[i]![0] === key && (wanted === undefined || pairs[i]![1] === wanted)) return true
    }
    return false
  }

  set(name: unknown, value: unknown): void {
    const pairs = this.#pairs
    requireArguments(arguments.length, 2, "Failed to execute 'set' on 'URLSearchParams'")
    const key = usvString(name)
    const text = usvString(value)
    let found = false
    keepIf(pairs, pair => {
      if (pair[0] !== key) return true
      if (found) return false
      found = true
      pair[1] = text
      return true
    })
    if (!found) arrayPush(pairs, [key, text])
    this.#update()
  }

  sort(): void {
    arraySort(this.#pairs, (a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
    this.#update()
  }

  toString(): string {
    return serializeUrlencoded(this.#pairs)
  }

  #update(): void {
    this.#changed?.(serializeUrlencoded(this.#pairs))
  }

  static {
    newUrlSearchParams = (query, changed) => {
      const params = new URLSearchParams()
      params.#pairs = parseUrlencoded(query)
      params.#changed = changed
      return params
    }
    replaceParams = (params, query) => {
      params.#pairs = parseUrlencoded(query)
    }
    pairsOf = params => params.#pairs
    isURLSearchParams = (value): value is URLSearchParams => isObject(value) && #pairs in value
  }
}

function withoutMark(text: string): string {
  return stringCharCodeAt(text, 0) === 0x3f ? stringSlice(text, 1) : text
}

function keepIf(pairs: Pair[], keep: (pair: Pair) => boolean): void {
  let end = 0
  for (let i = 0; i < pairs.length; i++) if (keep(pairs[i]!)) pairs[end++] = pairs[i]!
  pairs.length = end
}

/** From a sequence of pairs, or a record. */
function pairsFromObject(init: object): Pair[] {
  const context = "Failed to construct 'URLSearchParams'"
  const method = iteratorMethod(init)
  if (method === undefined) return recordEntries(init, usvString, usvString)
  const items = sequence(init, item => sequence(item, usvString, context), context, method)
  for (let i = 0; i < items.length; i++) {
    if (items[i]!.length === 2) continue
    throw new TypeError(`${context}: Each entry must be a pair of a name and a value.`)
  }
  return items as Pair[]
}

definePairIterable<URLSearchParams, string, string>('URLSearchParams', URLSearchParams, {
  check: params => {
    pairsOf(params)
  },
  entryAt: (params, index) => pairsOf(params)[index],
})
defineInterface('URLSearchParams', URLSearchParams)
