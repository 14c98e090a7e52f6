/**
 * Paths of URLs: segments, dots and Windows drive letters. A path is kept as `/segment/segment`; empty is no
 * segment at all, `/` one empty segment.
 */
import { PATH, percentEncode } from './percent.ts'
import {
  stringCharCodeAt,
  stringIndexOf,
  stringLastIndexOf,
  stringSlice,
  stringToLowerCase,
} from './primordials.ts'
import { isSpecial, type UrlRecord } from './url-record.ts'

/** Appends the segments in `text`, which begins behind a slash: at least one. */
export function appendPath(url: UrlRecord, text: string): void {
  const special = isSpecial(url.scheme)
  const encoded = percentEncode(special ? slashed(text) : text, PATH)
  if (!needsCare(encoded, url.scheme)) {
    url.path += `/${encoded}`
    return
  }
  let start = 0
  for (;;) {
    const slash = stringIndexOf(encoded, '/', start)
    const last = slash < 0
    appendSegment(url, last ? stringSlice(encoded, start) : stringSlice(encoded, start, slash), last)
    if (last) return
    start = slash + 1
  }
}

/** Backslashes are slashes. */
function slashed(text: string): string {
  let result = ''
  let start = 0
  for (;;) {
    const backslash = stringIndexOf(text, '\\', start)
    if (backslash < 0) return start === 0 ? text : result + stringSlice(text, start)
    result += `${stringSlice(text, start, backslash)}/`
    start = backslash + 1
  }
}

/** Whether a segment may be one of dots, or a drive letter. */
function needsCare(path: string, scheme: string): boolean {
  if (scheme === 'file') return true
  let segmentStart = true
  for (let i = 0; i < path.length; i++) {
    const unit = stringCharCodeAt(path, i)
    // `.` or `%2e` at the start of a segment.
    if (segmentStart && (unit === 0x2e || unit === 0x25)) return true
    segmentStart = unit === 0x2f
  }
  return false
}

function appendSegment(url: UrlRecord, segment: string, last: boolean): void {
  const dots = dotsIn(segment)
  if (dots === 2) shortenPath(url)
  if (dots > 0) {
    if (last) url.path += '/'
  } else if (url.scheme === 'file' && url.path === '' && isDriveLetter(segment)) {
    url.path = `/${segment[0]}:`
  } else url.path += `/${segment}`
}

/** 1 for a single-dot segment, 2 for a double-dot segment, else 0. */
function dotsIn(segment: string): number {
  if (segment.length > 6) return 0
  switch (stringToLowerCase(segment)) {
    case '.':
    case '%2e':
      return 1
    case '..':
    case '.%2e':
    case '%2e.':
    case '%2e%2e':
      return 2
  }
  return 0
}

/** Removes the last segment, except the drive letter of a file. */
export function shortenPath(url: UrlRecord): void {
  const slash = stringLastIndexOf(url.path, '/')
  if (slash < 0) return
  if (url.scheme === 'file' && slash === 0 && isNormalizedDriveLetter(stringSlice(url.path, 1))) return
  url.path = stringSlice(url.path, 0, slash)
}

export function firstSegment(path: string): string {
  const end = stringIndexOf(path, '/', 1)
  return end < 0 ? stringSlice(path, 1) : stringSlice(path, 1, end)
}

/** A letter and `:` or `|`. */
export function isDriveLetter(text: string): boolean {
  if (text.length !== 2) return false
  const letter = stringCharCodeAt(text, 0) | 0x20
  const second = stringCharCodeAt(text, 1)
  return letter >= 0x61 && letter <= 0x7a && (second === 0x3a || second === 0x7c)
}

export function isNormalizedDriveLetter(text: string): boolean {
  return isDriveLetter(text) && stringCharCodeAt(text, 1) === 0x3a
}
