/**
 * The URL parser of the URL standard (https://url.spec.whatwg.org/#url-parsing), component by component instead of
 * state by state: a `#`, and before it a `?`, ends whatever comes before, so the text is cut there first.
 */
import { C0_CONTROL, FRAGMENT, percentEncode, QUERY, SPECIAL_QUERY, USERINFO } from './percent.ts'
import {
  stringCharCodeAt,
  stringIndexOf,
  stringLastIndexOf,
  stringSlice,
  stringToLowerCase,
} from './primordials.ts'
import { parseHost } from './url-host.ts'
import { appendPath, firstSegment, isDriveLetter, isNormalizedDriveLetter, shortenPath } from './url-path.ts'
import { defaultPort, isSpecial, type UrlRecord } from './url-record.ts'

const SLASH = 0x2f
const BACKSLASH = 0x5c
const COLON = 0x3a

/** The URL that a text without lone surrogates is, relative to `base` if there is one; null if it is none. */
export function parseUrl(input: string, base: UrlRecord | null = null): UrlRecord | null {
  let text = removeTabsAndNewlines(trimControls(input))
  let fragment: string | null = null
  let query: string | null = null
  const hash = stringIndexOf(text, '#')
  if (hash >= 0) {
    fragment = stringSlice(text, hash + 1)
    text = stringSlice(text, 0, hash)
  }
  const mark = stringIndexOf(text, '?')
  if (mark >= 0) {
    query = stringSlice(text, mark + 1)
    text = stringSlice(text, 0, mark)
  }

  const colon = schemeEnd(text)
  const scheme = colon < 0 ? '' : stringToLowerCase(stringSlice(text, 0, colon))
  const url =
    colon < 0
      ? parseRelative(text, base, query !== null, fragment !== null)
      : isSpecial(scheme)
        ? parseSpecial(scheme, stringSlice(text, colon + 1), base, query !== null)
        : parseOther(scheme, stringSlice(text, colon + 1), query !== null || fragment !== null)
  if (url === null) return null
  if (query !== null) url.query = encodeQuery(url, query)
  if (fragment !== null) url.fragment = percentEncode(fragment, FRAGMENT)
  return url
}

export function encodeQuery(url: UrlRecord, query: string): string {
  return percentEncode(query, isSpecial(url.scheme) ? SPECIAL_QUERY : QUERY)
}

function newUrl(scheme: string): UrlRecord {
  return {
    scheme,
    username: '',
    password: '',
    host: null,
    port: null,
    path: '',
    opaquePath: false,
    query: null,
    fragment: null,
  }
}

/** A URL with the scheme and authority of another one. */
function sibling(base: UrlRecord): UrlRecord {
  return {
    scheme: base.scheme,
    username: base.username,
    password: base.password,
    host: base.host,
    port: base.port,
    path: '',
    opaquePath: false,
    query: null,
    fragment: null,
  }
}

function trimControls(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && stringCharCodeAt(text, start) <= 0x20) start++
  while (end > start && stringCharCodeAt(text, end - 1) <= 0x20) end--
  return end - start === text.length ? text : stringSlice(text, start, end)
}

export function removeTabsAndNewlines(text: string): string {
  let result = ''
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit > 0x0d || !(unit === 0x09 || unit === 0x0a || unit === 0x0d)) continue
    result += stringSlice(text, start, i)
    start = i + 1
  }
  return start === 0 ? text : result + stringSlice(text, start)
}

/** The index of the colon that ends a scheme at the start of the text; -1 if there is none. */
export function schemeEnd(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i)
    const lower = unit | 0x20
    if (lower >= 0x61 && lower <= 0x7a) continue
    if (i === 0) return -1
    if (unit === COLON) return i
    const digit = unit >= 0x30 && unit <= 0x39
    // `+`, `-`, `.`
    if (!digit && unit !== 0x2b && unit !== 0x2d && unit !== 0x2e) return -1
  }
  return -1
}

/** `rest` is what follows `scheme:`. */
function parseSpecial(
  scheme: string,
  rest: string,
  base: UrlRecord | null,
  hasQuery: boolean,
): UrlRecord | null {
  const like = base !== null && base.scheme === scheme ? base : null
  if (scheme === 'file') return parseFile(rest, like, hasQuery)
  if (like !== null && !startsWithTwoSlashes(rest)) return parseRelativeReference(rest, like, hasQuery)
  return parseAuthority(newUrl(scheme), skipSlashes(rest))
}

/** `cut`: a query or a fragment follows. */
function parseOther(scheme: string, rest: string, cut: boolean): UrlRecord | null {
  const url = newUrl(scheme)
  if (startsWithTwoSlashes(rest)) return parseAuthority(url, stringSlice(rest, 2))
  if (stringCharCodeAt(rest, 0) === SLASH) {
    appendPath(url, stringSlice(rest, 1))
    return url
  }
  url.opaquePath = true
  url.path = percentEncode(rest, C0_CONTROL)
  // A trailing space would be trimmed if the URL lost its query and fragment: it is encoded.
  const spaced = cut && stringCharCodeAt(rest, rest.length - 1) === 0x20
  if (spaced) url.path = `${stringSlice(url.path, 0, -1)}%20`
  return url
}

function parseRelative(
  text: string,
  base: UrlRecord | null,
  hasQuery: boolean,
  hasFragment: boolean,
): UrlRecord | null {
  if (base === null) return null
  if (base.opaquePath) {
    if (text !== '' || hasQuery || !hasFragment) return null
    const url = sibling(base)
    url.path = base.path
    url.opaquePath = true
    url.query = base.query
    return url
  }
  return base.scheme === 'file'
    ? parseFile(text, base, hasQuery)
    : parseRelativeReference(text, base, hasQuery)
}

function startsWithTwoSlashes(text: string): boolean {
  return stringCharCodeAt(text, 0) === SLASH && stringCharCodeAt(text, 1) === SLASH
}

function isSlash(unit: number, special: boolean): boolean {
  return unit === SLASH || (special && unit === BACKSLASH)
}

function skipSlashes(text: string): string {
  let i = 0
  while (isSlash(stringCharCodeAt(text, i), true)) i++
  return i === 0 ? text : stringSlice(text, i)
}

/** A reference without scheme, to a base whose scheme is not file. */
function parseRelativeReference(text: string, base: UrlRecord, hasQuery: boolean): UrlRecord | null {
  const special = isSpecial(base.scheme)
  if (isSlash(stringCharCodeAt(text, 0), special)) {
    if (isSlash(stringCharCodeAt(text, 1), special)) {
      const rest = stringSlice(text, 2)
      return parseAuthority(newUrl(base.scheme), special ? skipSlashes(rest) : rest)
    }
    const url = sibling(base)
    appendPath(url, stringSlice(text, 1))
    return url
  }
  return parsePathReference(text, base, hasQuery)
}

/** A reference to something beside the base's path, or to the base itself with another query or fragment. */
function parsePathReference(text: string, base: UrlRecord, hasQuery: boolean): UrlRecord {
  const url = sibling(base)
  url.path = base.path
  if (text === '') {
    if (!hasQuery) url.query = base.query
    return url
  }
  shortenPath(url)
  appendPath(url, text)
  return url
}

/** A file URL after `file:`, or a reference whose base is one; then `base` is not null. */
function parseFile(text: string, base: UrlRecord | null, hasQuery: boolean): UrlRecord | null {
  const url = newUrl('file')
  url.host = ''
  if (isSlash(stringCharCodeAt(text, 0), true)) {
    if (isSlash(stringCharCodeAt(text, 1), true)) return parseFileHost(url, stringSlice(text, 2))
    const rest = stringSlice(text, 1)
    if (base !== null) {
      url.host = base.host
      const drive = firstSegment(base.path)
      if (!startsWithDriveLetter(rest) && isNormalizedDriveLetter(drive)) url.path = `/${drive}`
    }
    appendPath(url, rest)
    return url
  }
  if (base !== null && !startsWithDriveLetter(text)) return parsePathReference(text, base, hasQuery)
  if (base !== null) url.host = base.host
  appendPath(url, text)
  return url
}

function startsWithDriveLetter(text: string): boolean {
  return (
    isDriveLetter(stringSlice(text, 0, 2)) && (text.length === 2 || isSlash(stringCharCodeAt(text, 2), true))
  )
}

function parseFileHost(url: UrlRecord, text: string): UrlRecord | null {
  const end = authorityEnd(text, true)
  const host = stringSlice(text, 0, end)
  if (isDriveLetter(host)) {
    appendPath(url, text)
    return url
  }
  if (!setFileHost(url, host)) return null
  appendPath(url, stringSlice(text, end + 1))
  return url
}

export function setFileHost(url: UrlRecord, text: string): boolean {
  const host = text === '' ? '' : parseHost(text, false)
  if (host === null) return false
  url.host = host === 'localhost' ? '' : host
  return true
}

/** Where the authority, or a host in a setter, ends: at a slash or the text's end. */
function authorityEnd(text: string, special: boolean): number {
  for (let i = 0; i < text.length; i++) if (isSlash(stringCharCodeAt(text, i), special)) return i
  return text.length
}

/** `text` is what follows `scheme://`. */
function parseAuthority(url: UrlRecord, text: string): UrlRecord | null {
  const special = isSpecial(url.scheme)
  const end = authorityEnd(text, special)
  let authority = stringSlice(text, 0, end)
  const at = stringLastIndexOf(authority, '@')
  if (at >= 0) {
    const colon = stringIndexOf(authority, ':')
    const named = colon >= 0 && colon < at
    url.username = percentEncode(stringSlice(authority, 0, named ? colon : at), USERINFO)
    if (named) url.password = percentEncode(stringSlice(authority, colon + 1, at), USERINFO)
    authority = stringSlice(authority, at + 1)
    if (authority === '') return null
  }
  if (!parseHostAndPort(url, authority, special)) return null
  // A URL that is not special may have an authority and no path.
  if (special || end < text.length) appendPath(url, stringSlice(text, end + 1))
  return url
}

function parseHostAndPort(url: UrlRecord, authority: string, special: boolean): boolean {
  const colon = portColon(authority)
  const name = colon < 0 ? authority : stringSlice(authority, 0, colon)
  if (name === '') {
    if (special || colon >= 0) return false
    url.host = ''
    return true
  }
  url.host = parseHost(name, !special)
  if (url.host === null) return false
  if (colon < 0) return true
  const digits = stringSlice(authority, colon + 1)
  return leadingDigits(digits) === digits.length && setPort(url, digits)
}

/** The index of the colon before a port: the first that is not inside brackets; -1 if there is none. */
export function portColon(authority: string): number {
  let bracketed = false
  for (let i = 0; i < authority.length; i++) {
    const unit = stringCharCodeAt(authority, i)
    if (unit === 0x5b) bracketed = true
    else if (unit === 0x5d) bracketed = false
    else if (unit === COLON && !bracketed) return i
  }
  return -1
}

export function leadingDigits(text: string): number {
  let i = 0
  for (; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit < 0x30 || unit > 0x39) break
  }
  return i
}

/** Sets the port from digits, none leave it; false if it is above 65535. */
export function setPort(url: UrlRecord, digits: string): boolean {
  if (digits === '') return true
  const port = +digits
  if (port > 0xff_ff) return false
  url.port = port === defaultPort(url.scheme) ? null : port
  return true
}
