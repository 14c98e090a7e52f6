/**
 * URL: the interface over url-parser.ts.
 */
import { parseUrl } from './url-parser.ts'
import { hostWithPort, serializeUrl, type UrlRecord } from './url-record.ts'
import { newUrlSearchParams, replaceParams, type URLSearchParams } from './url-search-params.ts'
import {
  assignHash,
  assignHost,
  assignPassword,
  assignPathname,
  assignPort,
  assignProtocol,
  assignSearch,
  assignUsername,
} from './url-setters.ts'
import { defineInterface, requireArguments, usvString } from './webidl.ts'

export class URL {
  #url: UrlRecord
  /** The serialized URL, if nothing has changed since. */
  #href: string | undefined
  #params: URLSearchParams | undefined

  constructor(url: unknown, base: unknown = undefined) {
    const context = "Failed to construct 'URL'"
    requireArguments(arguments.length, 1, context)
    const text = usvString(url)
    let parsedBase: UrlRecord | null = null
    if (base !== undefined) {
      parsedBase = parseBase(base)
      if (parsedBase === null) throw new TypeError(`${context}: Invalid base URL`)
    }
    const parsed = parseUrl(text, parsedBase)
    if (parsed === null) throw new TypeError(`${context}: Invalid URL: '${text}'`)
    this.#url = parsed
  }

  static parse(url: unknown, base: unknown = undefined): URL | null {
    requireArguments(arguments.length, 1, "Failed to execute 'parse' on 'URL'")
    const parsed = parseWithBase(url, base)
    if (parsed === null) return null
    const result = new URL('about:blank')
    result.#url = parsed
    return result
  }

  static canParse(url: unknown, base: unknown = undefined): boolean {
    requireArguments(arguments.length, 1, "Failed to execute 'canParse' on 'URL'")
    return parseWithBase(url, base) !== null
  }

  get href(): string {
    return this.#serialize()
  }

  set href(value: unknown) {
    void this.#url
    const text = usvString(value)
    const parsed = parseUrl(text)
    if (parsed === null)
      throw new TypeError(`Failed to set the 'href' property on 'URL': Invalid URL: '${text}'`)
    this.#url = parsed
    this.#href = undefined
    if (this.#params !== undefined) replaceParams(this.#params, parsed.query ?? '')
  }

  get origin(): string {
    return originOf(this.#url)
  }

  get protocol(): string {
    return `${this.#url.scheme}:`
  }

  set protocol(value: unknown) {
    this.#assign(assignProtocol, value)
  }

  get username(): string {
    return this.#url.username
  }

  set username(value: unknown) {
    this.#assign(assignUsername, value)
  }

  get password(): string {
    return this.#url.password
  }

  set password(value: unknown) {
    this.#assign(assignPassword, value)
  }

  get host(): string {
    return hostWithPort(this.#url)
  }

  set host(value: unknown) {
    this.#assign(assignHostAndPort, value)
  }

  get hostname(): string {
    return this.#url.host ?? ''
  }

  set hostname(value: unknown) {
    this.#assign(assignHostname, value)
  }

  get port(): string {
    const { port } = this.#url
    return port === null ? '' : `${port}`
  }

  set port(value: unknown) {
    this.#assign(assignPort, value)
  }

  get pathname(): string {
    return this.#url.path
  }

  set pathname(value: unknown) {
    this.#assign(assignPathname, value)
  }

  get search(): string {
    const { query } = this.#url
    return query === null || query === '' ? '' : `?${query}`
  }

  set search(value: unknown) {
    this.#assign(assignSearch, value)
    if (this.#params !== undefined) replaceParams(this.#params, this.#url.query ?? '')
  }

  get searchParams(): URLSearchParams {
    const url = this.#url
    this.#params ??= newUrlSearchParams(url.query ?? '', text => {
      this.#url.query = text === '' ? null : text
      this.#href = undefined
    })
    return this.#params
  }

  get hash(): string {
    const { fragment } = this.#url
    return fragment === null || fragment === '' ? '' : `#${fragment}`
  }

  set hash(value: unknown) {
    this.#assign(assignHash, value)
  }

  toJSON(): string {
    return this.#serialize()
  }

  toString(): string {
    return this.#serialize()
  }

  #serialize(): string {
    this.#href ??= serializeUrl(this.#url)
    return this.#href
  }

  #assign(setter: (url: UrlRecord, value: string) => void, value: unknown): void {
    const url = this.#url
    setter(url, usvString(value))
    this.#href = undefined
  }
}

function assignHostAndPort(url: UrlRecord, value: string): void {
  assignHost(url, value, true)
}

function assignHostname(url: UrlRecord, value: string): void {
  assignHost(url, value, false)
}

function parseBase(base: unknown): UrlRecord | null {
  return parseUrl(usvString(base))
}

function parseWithBase(url: unknown, base: unknown): UrlRecord | null {
  const text = usvString(url)
  if (base === undefined) return parseUrl(text)
  const parsedBase = parseBase(base)
  return parsedBase === null ? null : parseUrl(text, parsedBase)
}

/** The serialized origin: `null` for what has an opaque one. */
export function originOf(url: UrlRecord): string {
  switch (url.scheme) {
    case 'http':
    case 'https':
    case 'ws':
    case 'wss':
    case 'ftp':
      return `${url.scheme}://${hostWithPort(url)}`
    case 'blob': {
      const inner = parseUrl(url.path)
      return inner !== null && (inner.scheme === 'http' || inner.scheme === 'https')
        ? originOf(inner)
        : 'null'
    }
  }
  return 'null'
}

defineInterface('URL', URL)
