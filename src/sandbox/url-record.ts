/**
 * URL records: what a parsed URL consists of. Components are kept as they are serialized.
 */
import { stringStartsWith } from './primordials.ts'

export interface UrlRecord {
  scheme: string
  username: string
  password: string
  /** Null if there is none; empty is another thing. */
  host: string | null
  port: number | null
  /** Empty, or begins with a slash, unless it is opaque. */
  path: string
  opaquePath: boolean
  query: string | null
  fragment: string | null
}

/** The default port of a special scheme, null for file; undefined if the scheme is not special. */
export function defaultPort(scheme: string): number | null | undefined {
  switch (scheme) {
    case 'https':
    case 'wss':
      return 443
    case 'http':
    case 'ws':
      return 80
    case 'ftp':
      return 21
    case 'file':
      return null
  }
  return undefined
}

export function isSpecial(scheme: string): boolean {
  return defaultPort(scheme) !== undefined
}

export function hasCredentials(url: UrlRecord): boolean {
  return url.username !== '' || url.password !== ''
}

export function cannotHaveCredentialsOrPort(url: UrlRecord): boolean {
  return url.host === null || url.host === '' || url.scheme === 'file'
}

/** `host:port` */
export function hostWithPort(url: UrlRecord): string {
  return url.host === null ? '' : url.port === null ? url.host : `${url.host}:${url.port}`
}

export function serializeUrl(url: UrlRecord, withFragment = true): string {
  let text = `${url.scheme}:`
  if (url.host !== null) {
    text += '//'
    if (hasCredentials(url)) {
      text += url.username
      if (url.password !== '') text += `:${url.password}`
      text += '@'
    }
    text += hostWithPort(url)
  } else if (!url.opaquePath && stringStartsWith(url.path, '//')) {
    // Else the path would read as a host.
    text += '/.'
  }
  text += url.path
  if (url.query !== null) text += `?${url.query}`
  if (withFragment && url.fragment !== null) text += `#${url.fragment}`
  return text
}
