/**
 * The host parser of the URL standard; hosts are kept serialized. Names that need IDNA bring in the part `idna`.
 */
import { isAscii } from './latin1.ts'
import { loadPart } from './parts.ts'
import { C0_CONTROL, hexValue, percentDecode, percentEncode } from './percent.ts'
import {
  numberToString,
  stringCharCodeAt,
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
} from './primordials.ts'

interface Idna {
  /** UTS #46 ToASCII without strictness; null if it fails. */
  domainToASCII(domain: string): string | null
}

const FORBIDDEN_HOST = 1
const FORBIDDEN_DOMAIN = 2

const FORBIDDEN = '\0\t\n\r #/:<>?@[\\]^|'

const forbidden = forbiddenUnits()

function forbiddenUnits(): Uint8Array {
  const table = new Uint8Array(128)
  for (let unit = 0; unit < 128; unit++) {
    if (unit < 0x20 || unit === 0x7f || unit === 0x25) table[unit] = FORBIDDEN_DOMAIN
  }
  for (let i = 0; i < FORBIDDEN.length; i++) {
    table[stringCharCodeAt(FORBIDDEN, i)] = FORBIDDEN_HOST | FORBIDDEN_DOMAIN
  }
  return table
}

/** The serialized host, or null if the text is no host. `opaque`: the scheme is not special. */
export function parseHost(text: string, opaque: boolean): string | null {
  if (stringCharCodeAt(text, 0) === 0x5b) {
    if (stringCharCodeAt(text, text.length - 1) !== 0x5d) return null
    return parseIPv6(stringSlice(text, 1, -1))
  }
  if (opaque) {
    for (let i = 0; i < text.length; i++) {
      const unit = stringCharCodeAt(text, i)
      if (unit < 128 && forbidden[unit]! & FORBIDDEN_HOST) return null
    }
    return percentEncode(text, C0_CONTROL)
  }
  const domain = isPlainDomain(text) ? text : domainToASCII(percentDecode(text))
  if (domain === null || domain === '') return null
  return endsInNumber(domain) ? parseIPv4(domain) : domain
}

/** Lower-case ASCII without anything that IDNA would look at. */
function isPlainDomain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i)
    const plain =
      (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x30 && unit <= 0x39) || unit === 0x2e || unit === 0x2d
    if (!plain) return false
  }
  return stringIndexOf(text, 'xn--') < 0
}

function domainToASCII(domain: string): string | null {
  let result: string | null = stringToLowerCase(domain)
  if (!isAscii(domain) || stringIndexOf(result, 'xn--') >= 0) {
    result = loadPart<Idna>('idna').domainToASCII(domain)
    if (result === null) return null
  }
  for (let i = 0; i < result.length; i++) {
    if (forbidden[stringCharCodeAt(result, i)]! & FORBIDDEN_DOMAIN) return null
  }
  return result
}

/** Whether the last label is a number, so that the host must be an IPv4 address. */
function endsInNumber(domain: string): boolean {
  let end = domain.length
  if (stringCharCodeAt(domain, end - 1) === 0x2e) end--
  let start = end
  while (start > 0 && stringCharCodeAt(domain, start - 1) !== 0x2e) start--
  if (start === end) return false
  let digits = true
  for (let i = start; i < end && digits; i++) {
    const unit = stringCharCodeAt(domain, i)
    digits = unit >= 0x30 && unit <= 0x39
  }
  return digits || !Number.isNaN(parseIPv4Number(stringSlice(domain, start, end)))
}

function parseIPv4(domain: string): string | null {
  const end = stringCharCodeAt(domain, domain.length - 1) === 0x2e ? domain.length - 1 : domain.length
  let address = 0
  let start = 0
  for (let parts = 1; ; parts++) {
    if (parts > 4) return null
    const dot = stringIndexOf(domain, '.', start)
    const last = dot < 0 || dot >= end
    const number = parseIPv4Number(stringSlice(domain, start, last ? end : dot))
    if (!(number < (last ? 256 ** (5 - parts) : 256))) return null
    if (last) {
      address += number
      break
    }
    address += number * 256 ** (4 - parts)
    start = dot + 1
  }
  const high = (address / 65_536) | 0
  const low = address % 65_536
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** Decimal, octal after `0`, hexadecimal after `0x`; NaN if it is none of them. */
function parseIPv4Number(text: string): number {
  if (text === '') return Number.NaN
  let radix = 10
  let i = 0
  if (text.length > 1 && stringCharCodeAt(text, 0) === 0x30) {
    const hexadecimal = (stringCharCodeAt(text, 1) | 0x20) === 0x78
    radix = hexadecimal ? 16 : 8
    i = hexadecimal ? 2 : 1
  }
  let value = 0
  for (; i < text.length; i++) {
    const digit = hexValue(stringCharCodeAt(text, i))
    if (digit < 0 || digit >= radix) return Number.NaN
    value = value * radix + digit
  }
  return value
}

function parseIPv6(text: string): string | null {
  const pieces = [0, 0, 0, 0, 0, 0, 0, 0]
  const { length } = text
  let count = 0
  let compressed = -1
  let i = 0
  if (stringCharCodeAt(text, 0) === 0x3a) {
    if (stringCharCodeAt(text, 1) !== 0x3a) return null
    i = 2
    compressed = ++count
  }
  while (i < length) {
    if (count === 8) return null
    if (stringCharCodeAt(text, i) === 0x3a) {
      if (compressed >= 0) return null
      i++
      compressed = ++count
      continue
    }
    const start = i
    let value = 0
    for (; i < start + 4 && i < length; i++) {
      const digit = hexValue(stringCharCodeAt(text, i))
      if (digit < 0) break
      value = value * 16 + digit
    }
    if (i < length && stringCharCodeAt(text, i) === 0x2e) {
      if (i === start || count > 6 || !embeddedIPv4(stringSlice(text, start), pieces, count)) return null
      count += 2
      break
    }
    if (i < length) {
      if (stringCharCodeAt(text, i) !== 0x3a || ++i === length) return null
    }
    pieces[count++] = value
  }
  if (compressed >= 0) {
    for (let to = 7, swaps = count - compressed; to > 0 && swaps > 0; to--, swaps--) {
      const from = compressed + swaps - 1
      const piece = pieces[to]!
      pieces[to] = pieces[from]!
      pieces[from] = piece
    }
  } else if (count !== 8) return null
  return serializeIPv6(pieces)
}

/** Reads `1.2.3.4` into two pieces; false if it is not exactly that. */
function embeddedIPv4(text: string, pieces: number[], at: number): boolean {
  let octets = 0
  let i = 0
  while (i < text.length) {
    if (octets > 0) {
      if (octets === 4 || stringCharCodeAt(text, i) !== 0x2e) return false
      i++
    }
    const start = i
    let value = 0
    for (; i < text.length; i++) {
      const digit = stringCharCodeAt(text, i) - 0x30
      if (!(digit >= 0 && digit <= 9)) break
      if (i > start && value === 0) return false
      value = value * 10 + digit
      if (value > 255) return false
    }
    if (i === start) return false
    const piece = at + (octets >> 1)
    pieces[piece] = pieces[piece]! * 256 + value
    octets++
  }
  return octets === 4
}

function serializeIPv6(pieces: number[]): string {
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && pieces[end] === 0) end++
    if (end - i > length) {
      start = i
      length = end - i
    }
    if (end > i) i = end
  }
  let text = '['
  for (let i = 0; i < 8; i++) {
    if (i === start) {
      text += i === 0 ? '::' : ':'
      i += length - 1
      continue
    }
    text += numberToString(pieces[i]!, 16)
    if (i < 7) text += ':'
  }
  return `${text}]`
}
