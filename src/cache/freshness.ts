/**
 * What HTTP says about a response in a cache: whether it may be kept and for how long (RFC 9111), and how a request
 * for it is answered (RFC 9110, conditional and range requests), as Cloudflare's Cache API applies them.
 *
 * Headers are flat lists: name, value, …, names in lower case. Pure.
 */

/** Of responses that say nothing about it, in seconds: Cloudflare's edge cache TTLs by status. */
const DEFAULT_LIFETIME_S: Record<number, number> = {
  200: 7200,
  301: 7200,
  302: 1200,
  303: 1200,
  404: 180,
  410: 180,
}

export interface Keeping {
  /** In seconds. */
  lifetimeS: number
  /** The headers without those that must not be kept. */
  headers: string[]
}

/** For how long the response may be kept; null: not at all. */
export function keepingOf(status: number, headers: readonly string[], nowMs: number): Keeping | null {
  const directives = cacheControlOf(headers)
  if (directives.has('no-store') || directives.has('no-cache')) return null
  const isPrivate = directives.get('private')
  const dropsCookies = isPrivate?.toLowerCase() === 'set-cookie'
  if (isPrivate !== undefined && !dropsCookies) return null
  if (!dropsCookies && headerValue(headers, 'set-cookie') !== null) return null
  const lifetimeS = lifetimeOf(status, headers, directives, nowMs)
  if (!(lifetimeS > 0)) return null
  const kept = dropsCookies ? headers.filter((_, at) => headers[at - (at % 2)] !== 'set-cookie') : headers
  return { lifetimeS, headers: [...kept] }
}

function lifetimeOf(
  status: number,
  headers: readonly string[],
  directives: ReadonlyMap<string, string>,
  nowMs: number,
): number {
  for (const name of ['s-maxage', 'max-age']) {
    const value = directives.get(name)
    if (value !== undefined) return /^\d{1,10}$/.test(value) ? Number(value) : 0
  }
  const expires = headerValue(headers, 'expires')
  // What is no date has expired (RFC 9111, 5.3).
  if (expires !== null) return (Date.parse(expires) - nowMs) / 1000
  return DEFAULT_LIFETIME_S[status] ?? 0
}

/** The directives of Cache-Control, by name in lower case; without a value: the empty string. */
function cacheControlOf(headers: readonly string[]): Map<string, string> {
  const directives = new Map<string, string>()
  for (const part of (headerValue(headers, 'cache-control') ?? '').split(',')) {
    const equals = part.indexOf('=')
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase()
    const value = equals < 0 ? '' : part.slice(equals + 1).trim()
    const unquoted = value.length > 1 && value.startsWith('"') && value.endsWith('"')
    if (name !== '') directives.set(name, unquoted ? value.slice(1, -1) : value)
  }
  return directives
}

export interface Kept {
  status: number
  headers: readonly string[]
  bodyBytes: number
}

/** How a request is answered from the cache: which status and headers, and which bytes of the body. */
export interface Selection {
  status: number
  headers: string[]
  from: number
  to: number
}

export function select(kept: Kept, request: readonly string[]): Selection {
  const { status, headers, bodyBytes } = kept
  if (isUnmodified(headers, request)) {
    const left = headers.filter((_, at) => headers[at - (at % 2)] !== 'content-length')
    return { status: 304, headers: left, from: 0, to: 0 }
  }
  const whole: Selection = { status, headers: [...headers], from: 0, to: bodyBytes }
  const range = status === 200 ? headerValue(request, 'range') : null
  return range === null ? whole : selectRange(whole, range)
}

function isUnmodified(headers: readonly string[], request: readonly string[]): boolean {
  const tags = headerValue(request, 'if-none-match')
  if (tags !== null) {
    const etag = headerValue(headers, 'etag')
    const weak = (tag: string) => tag.trim().replace(/^W\//, '')
    return tags.trim() === '*' || (etag !== null && tags.split(',').some(tag => weak(tag) === weak(etag)))
  }
  const since = Date.parse(headerValue(request, 'if-modified-since') ?? '')
  const modified = Date.parse(headerValue(headers, 'last-modified') ?? '')
  return modified <= since
}

/** Of several ranges, or of what is none, the whole is the answer. */
function selectRange(whole: Selection, range: string): Selection {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range.trim()) ?? []
  if (first === '' && last === '') return whole
  const size = whole.to
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const to = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  const headers = whole.headers.filter((_, at) => whole.headers[at - (at % 2)] !== 'content-length')
  if (first !== '' && last !== '' && Number(last) < Number(first)) return whole
  if (from >= size || from >= to) {
    return { status: 416, headers: [...headers, 'content-range', `bytes */${size}`], from: 0, to: 0 }
  }
  headers.push('content-range', `bytes ${from}-${to - 1}/${size}`, 'content-length', String(to - from))
  return { status: 206, headers, from, to }
}

/** All values of a header, joined as one; null if it is not there. */
export function headerValue(headers: readonly string[], name: string): string | null {
  let joined: string | null = null
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === name) joined = joined === null ? headers[at + 1]! : `${joined}, ${headers[at + 1]}`
  }
  return joined
}
