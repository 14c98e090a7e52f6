/**
 * What assigning to a property of a URL does: the URL parser "with a state override". What is malformed is ignored.
 */
import { FRAGMENT, percentEncode, USERINFO } from './percent.ts'
import { stringCharCodeAt, stringSlice, stringToLowerCase } from './primordials.ts'
import { parseHost } from './url-host.ts'
import {
  encodeQuery,
  leadingDigits,
  portColon,
  removeTabsAndNewlines,
  schemeEnd,
  setFileHost,
  setPort,
} from './url-parser.ts'
import { appendPath } from './url-path.ts'
import {
  cannotHaveCredentialsOrPort,
  defaultPort,
  hasCredentials,
  isSpecial,
  type UrlRecord,
} from './url-record.ts'

export function assignProtocol(url: UrlRecord, value: string): void {
  const text = `${removeTabsAndNewlines(value)}:`
  const end = schemeEnd(text)
  if (end < 0) return
  const scheme = stringToLowerCase(stringSlice(text, 0, end))
  if (isSpecial(scheme) !== isSpecial(url.scheme)) return
  if (scheme === 'file' && (hasCredentials(url) || url.port !== null)) return
  if (url.scheme === 'file' && url.host === '') return
  url.scheme = scheme
  if (url.port === defaultPort(scheme)) url.port = null
}

export function assignUsername(url: UrlRecord, value: string): void {
  if (!cannotHaveCredentialsOrPort(url)) url.username = percentEncode(value, USERINFO)
}

export function assignPassword(url: UrlRecord, value: string): void {
  if (!cannotHaveCredentialsOrPort(url)) url.password = percentEncode(value, USERINFO)
}

/** `host`, or `hostname` if it may have no port. */
export function assignHost(url: UrlRecord, value: string, withPort: boolean): void {
  if (url.opaquePath) return
  const special = isSpecial(url.scheme)
  const text = untilPath(removeTabsAndNewlines(value), special)
  if (url.scheme === 'file') {
    setFileHost(url, text)
    return
  }
  const colon = portColon(text)
  if (colon >= 0 && !withPort) return
  const name = colon < 0 ? text : stringSlice(text, 0, colon)
  if (name === '') {
    if (special || colon >= 0 || hasCredentials(url) || url.port !== null) return
    url.host = ''
    return
  }
  const host = parseHost(name, !special)
  if (host === null) return
  url.host = host
  if (colon >= 0) assignDigits(url, stringSlice(text, colon + 1))
}

/** The text before the first slash, `?` or `#`. */
function untilPath(text: string, special: boolean): string {
  for (let i = 0; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit === 0x2f || unit === 0x3f || unit === 0x23 || (special && unit === 0x5c)) {
      return stringSlice(text, 0, i)
    }
  }
  return text
}

export function assignPort(url: UrlRecord, value: string): void {
  if (cannotHaveCredentialsOrPort(url)) return
  if (value === '') url.port = null
  else assignDigits(url, removeTabsAndNewlines(value))
}

/** Sets the port from the digits that the text begins with. */
function assignDigits(url: UrlRecord, text: string): void {
  setPort(url, stringSlice(text, 0, leadingDigits(text)))
}

export function assignPathname(url: UrlRecord, value: string): void {
  if (url.opaquePath) return
  const text = removeTabsAndNewlines(value)
  const first = stringCharCodeAt(text, 0)
  const special = isSpecial(url.scheme)
  url.path = ''
  if (first === 0x2f || (special && first === 0x5c)) appendPath(url, stringSlice(text, 1))
  else if (special || text !== '' || url.host === null) appendPath(url, text)
}

export function assignSearch(url: UrlRecord, value: string): void {
  if (value === '') {
    url.query = null
    return
  }
  const text = stringCharCodeAt(value, 0) === 0x3f ? stringSlice(value, 1) : value
  url.query = encodeQuery(url, removeTabsAndNewlines(text))
}

export function assignHash(url: UrlRecord, value: string): void {
  if (value === '') {
    url.fragment = null
    return
  }
  const text = stringCharCodeAt(value, 0) === 0x23 ? stringSlice(value, 1) : value
  url.fragment = percentEncode(removeTabsAndNewlines(text), FRAGMENT)
}
