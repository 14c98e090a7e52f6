/**
 * Which headers a request of mode `no-cors` may have: the Fetch standard's "no-CORS-safelisted request-header",
 * and those that only a browser itself may send.
 */

import { type HeaderList, removeHeaders } from './header-list.ts'
import { parseMimeType } from './mime-type.ts'
import { stringCharCodeAt } from './primordials.ts'

const VALUE_UNITS_MAX = 128

/**
 * Whether a header is kept out. `value` null: it is to be deleted. `present`: the value there is already, that
 * `value` would be appended to.
 */
export function noCorsForbids(name: string, value: string | null, present: string | null): boolean {
  if (value === null) return !isSafelistedName(name) && !isPrivileged(name)
  return !isSafelisted(name, present === null ? value : `${present}, ${value}`)
}

/** After any change, what a script may not send together with others goes. */
export function removePrivilegedNoCors(list: HeaderList): void {
  removeHeaders(list, 'range', 0)
}

function isPrivileged(name: string): boolean {
  return name === 'range'
}

function isSafelistedName(name: string): boolean {
  return (
    name === 'accept' || name === 'accept-language' || name === 'content-language' || name === 'content-type'
  )
}

function isSafelisted(name: string, value: string): boolean {
  if (!isSafelistedName(name) || value.length > VALUE_UNITS_MAX) return false
  if (name === 'accept') return every(value, isSafe)
  if (name !== 'content-type') return every(value, isLanguageUnit)
  if (!every(value, isSafe)) return false
  const type = parseMimeType(value)
  if (type === null) return false
  return (
    type.essence === 'application/x-www-form-urlencoded' ||
    type.essence === 'multipart/form-data' ||
    type.essence === 'text/plain'
  )
}

function every(text: string, allows: (unit: number) => boolean): boolean {
  for (let i = 0; i < text.length; i++) if (!allows(stringCharCodeAt(text, i))) return false
  return true
}

/** No "CORS-unsafe request-header byte". */
function isSafe(unit: number): boolean {
  if (unit < 0x20) return unit === 0x09
  switch (unit) {
    case 0x22: // "
    case 0x28: // (
    case 0x29: // )
    case 0x3a: // :
    case 0x3c: // <
    case 0x3e: // >
    case 0x3f: // ?
    case 0x40: // @
    case 0x5b: // [
    case 0x5c: // \
    case 0x5d: // ]
    case 0x7b: // {
    case 0x7d: // }
    case 0x7f:
      return false
    default:
      return true
  }
}

/** A digit, a letter, or one of ` *,-.;=`. */
function isLanguageUnit(unit: number): boolean {
  if (unit >= 0x30 && unit <= 0x39) return true
  if ((unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a)) return true
  return (
    unit === 0x20 ||
    unit === 0x2a ||
    unit === 0x2c ||
    unit === 0x2d ||
    unit === 0x2e ||
    unit === 0x3b ||
    unit === 0x3d
  )
}
