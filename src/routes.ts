/**
 * Route patterns in Cloudflare's syntax, and which of them a request belongs to.
 *
 * A pattern is `host/path`, with a `*` allowed at the start of the host and at the end of the path:
 * `api.example.com/v1/*`; `*.example.com/*` for subdomains only; `*example.com/*` for the domain and its
 * subdomains; a host of `*` for every host. The most specific host wins, then the longest path. Everything
 * here is pure; stores look up `hostPatterns(host)` by index and `matchRoute` chooses among what they find.
 */
import { domainToASCII } from 'node:url'
import { VitrineError } from './errors.ts'
import type { RouteRecord } from './store/store.ts'

export interface Route {
  /** Normalised: host in lower case and ASCII, no scheme, path percent-encoded. */
  pattern: string
  /** Without its wildcard: `example.com` of `*.example.com`, empty of `*`. */
  host: string
  /** `subdomains`: `*.example.com`. `suffix`: `*example.com`, the domain itself as well. */
  hostWildcard: 'none' | 'subdomains' | 'suffix'
  /** Begins with `/`; without its wildcard. */
  path: string
  pathWildcard: boolean
}

const PATTERN_LENGTH_MAX = 2048
/** The longest name in the DNS. */
const HOST_LENGTH_MAX = 253
const HOST = /^(?:[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]+\])$/

/** Reads a pattern. Throws `ROUTE_INVALID` saying what is wrong with it and showing a right one. */
export function parseRoute(text: string): Route {
  const fail = (problem: string, example = 'api.example.com/v1/*'): never => {
    const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text
    throw new VitrineError(
      'ROUTE_INVALID',
      `Route ${JSON.stringify(shown)} ${problem}: write it like ${example}`,
    )
  }
  if (text.length > PATTERN_LENGTH_MAX) fail(`is longer than ${PATTERN_LENGTH_MAX} characters`)
  if (/[\s\0-\x1f\x7f\\]/.test(text)) fail('has a space, backslash or control character')
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)
  if (scheme && !/^https?$/i.test(scheme[1]!)) fail(`has the scheme ${scheme[1]}, which is not served`)
  const rest = text.slice(scheme?.[0].length ?? 0)
  if (/[?#]/.test(rest)) fail('has a query or fragment, which routes cannot match')

  const slash = rest.indexOf('/')
  const hostText = slash < 0 ? rest : rest.slice(0, slash)
  const pathText = slash < 0 ? '/' : rest.slice(slash)
  if (hostText === '') fail('names no host')

  const hostWildcard = hostText.startsWith('*.') ? 'subdomains' : hostText[0] === '*' ? 'suffix' : 'none'
  const fixed = hostText.slice({ none: 0, suffix: 1, subdomains: 2 }[hostWildcard])
  if (fixed.includes('*'))
    fail('has a * inside its host, where only the start may have one', '*.example.com/*')
  if (/:\d*$/.test(fixed) && !fixed.endsWith(']'))
    fail('names a port, but routes hold for every port', `${hostText.replace(/:\d*$/, '')}/*`)
  const host = fixed === '' && hostText === '*' ? '' : domainToASCII(fixed.replace(/\.$/, ''))
  if (hostText !== '*' && (host.length > HOST_LENGTH_MAX || !HOST.test(host))) {
    fail(`has ${JSON.stringify(hostText.slice(0, 100))} for a host, which is no domain name`)
  }

  const pathWildcard = pathText.endsWith('*')
  const path = pathWildcard ? pathText.slice(0, -1) : pathText
  if (path.includes('*'))
    fail('has a * inside its path, where only the end may have one', `${hostText}/images/*`)
  if (/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) fail('has a . or .. segment in its path')

  const encoded = encodePath(path)
  const stars = { none: '', suffix: '*', subdomains: '*.' }[hostWildcard]
  const pattern = `${stars}${host}${encoded}${pathWildcard ? '*' : ''}`
  return { pattern, host, hostWildcard, path: encoded, pathWildcard }
}

/**
 * Lower case, without port and trailing dot. Any text is accepted; one that is no host matches no route but
 * those for every host.
 */
export function normalizeHost(hostHeader: string): string {
  const colon = hostHeader.lastIndexOf(':')
  let end = colon > hostHeader.lastIndexOf(']') ? colon : hostHeader.length
  if (hostHeader[end - 1] === '.') end--
  return hostHeader.slice(0, end).toLowerCase()
}

/** The host part of every pattern that can match a normalised host; two for each of its labels, and one more. */
export function hostPatterns(host: string): string[] {
  if (host === '' || host.length > HOST_LENGTH_MAX) return ['*']
  const patterns = [host, `*${host}`]
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    const parent = host.slice(dot + 1)
    patterns.push(`*.${parent}`, `*${parent}`)
  }
  patterns.push('*')
  return patterns
}

/** The host part of a normalised pattern, the key by which stores find it. */
export function hostPatternOf(pattern: string): string {
  return pattern.slice(0, pattern.indexOf('/'))
}

/**
 * Of the candidates (normalised patterns) that match, the one with the most specific host, then with the
 * longest path; null if none does. `host` is normalised; `path` is as the client sent it, without the query.
 */
export function matchRoute(
  candidates: readonly RouteRecord[],
  host: string,
  path: string,
): RouteRecord | null {
  const normalPath = normalizePath(path)
  let best: RouteRecord | null = null
  let bestHost = -1
  let bestPath = -1
  for (const candidate of candidates) {
    const { pattern } = candidate
    const slash = pattern.indexOf('/')
    const hostRank = rankHost(pattern, slash, host)
    if (hostRank < 0 || hostRank < bestHost) continue
    const pathRank = rankPath(pattern, slash, normalPath)
    if (pathRank < 0 || (hostRank === bestHost && pathRank <= bestPath)) continue
    best = candidate
    bestHost = hostRank
    bestPath = pathRank
  }
  return best
}

/** -1: no match. Otherwise the higher, the more specific: an exact host, then the longer fixed part. */
function rankHost(pattern: string, slash: number, host: string): number {
  if (pattern[0] !== '*') return slash === host.length && pattern.startsWith(host) ? Infinity : -1
  const subdomains = pattern[1] === '.'
  const fixed = pattern.slice(subdomains ? 2 : 1, slash)
  const matches =
    (!subdomains && (fixed === '' || fixed === host)) ||
    (host.length > fixed.length + 1 && host.endsWith(fixed) && host[host.length - fixed.length - 1] === '.')
  return matches ? 2 * fixed.length + (subdomains ? 1 : 0) : -1
}

/** -1: no match. Otherwise the higher, the longer; exact beats a wildcard with the same fixed part. */
function rankPath(pattern: string, slash: number, path: string): number {
  const length = pattern.length - slash
  if (!pattern.endsWith('*')) {
    return length === path.length && pattern.endsWith(path) ? 2 * length + 1 : -1
  }
  return path.startsWith(pattern.slice(slash, -1)) ? 2 * (length - 1) : -1
}

const PLAIN_PATH = /^\/[\w\-.~!$&'()*+,;=:@%/]*$/
const DOT_SEGMENT = /\/(?:\.|%2e)/i

/**
 * The path that the app will see in `request.url`, so that `/public/../admin` is routed as `/admin`. What no
 * URL can hold stays as it is.
 */
function normalizePath(path: string): string {
  return PLAIN_PATH.test(path) && !DOT_SEGMENT.test(path) ? path : encodePath(path)
}

/** As the URL parser writes a path: dot segments resolved, characters that must be encoded encoded. */
function encodePath(path: string): string {
  if (path[0] !== '/') return path
  try {
    // A base URL would read `//host/…` as another host, so the text is parsed behind one.
    return new URL(`http://h${path.replace(/[?#].*$/s, '')}`).pathname
  } catch {
    return path
  }
}
