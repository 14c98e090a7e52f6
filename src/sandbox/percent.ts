/**
 * Percent-encoding, as the URL standard says.
 */
import { stringCharCodeAt, stringIndexOf, stringSlice } from './primordials.ts'
import { utf8DecodeRange, utf8EncodeInto } from './utf8.ts'

/** Each bit of an entry of `encodedBy` is a set of characters that are to be encoded. */
export const C0_CONTROL = 1
export const FRAGMENT = 2
export const QUERY = 4
export const SPECIAL_QUERY = 8
export const PATH = 16
export const USERINFO = 32
export const FORM = 64

/** What each set adds to the one it builds on. */
const ADDED: [set: number, characters: string][] = [
  [FRAGMENT, ' "<>`'],
  [QUERY | SPECIAL_QUERY | PATH | USERINFO | FORM, ' "#<>'],
  [SPECIAL_QUERY, "'"],
  [PATH | USERINFO | FORM, '?^`{}'],
  [USERINFO | FORM, '/:;=@[\\]|'],
  [FORM, "$%&+,!'()~"],
]

const encodedBy = encodedUnits()

function encodedUnits(): Uint8Array {
  const table = new Uint8Array(128)
  for (let unit = 0; unit < 128; unit++) if (unit < 0x20 || unit === 0x7f) table[unit] = 0xff
  for (let i = 0; i < ADDED.length; i++) {
    const set = ADDED[i]![0]
    const characters = ADDED[i]![1]
    for (let k = 0; k < characters.length; k++) table[stringCharCodeAt(characters, k)]! |= set
  }
  return table
}

const HEX_DIGITS = '0123456789ABCDEF'

function encodedByte(byte: number): string {
  return `%${HEX_DIGITS[byte >> 4]}${HEX_DIGITS[byte & 15]}`
}

const character = new Uint8Array(4)

/** UTF-8 percent-encodes what is in the set. `text` has no lone surrogates. `plus`: a space becomes `+`. */
export function percentEncode(text: string, set: number, plus = false): string {
  const { length } = text
  let encoded = ''
  let start = 0
  for (let i = 0; i < length; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit < 128 && (encodedBy[unit]! & set) === 0) continue
    if (i > start) encoded += stringSlice(text, start, i)
    if (unit < 128) encoded += plus && unit === 0x20 ? '+' : encodedByte(unit)
    else {
      const units = (unit & 0xfc_00) === 0xd8_00 ? 2 : 1
      const { written } = utf8EncodeInto(stringSlice(text, i, i + units), character)
      for (let k = 0; k < written; k++) encoded += encodedByte(character[k]!)
      i += units - 1
    }
    start = i + 1
  }
  if (start === 0) return text
  return start < length ? encoded + stringSlice(text, start) : encoded
}

/** Percent-decodes to bytes and decodes these as UTF-8, a BOM kept. `plus`: `+` becomes a space. */
export function percentDecode(text: string, plus = false): string {
  if (stringIndexOf(text, '%') < 0 && !(plus && stringIndexOf(text, '+') >= 0)) return text
  const { length } = text
  // A code unit makes three bytes at the most.
  const bytes = new Uint8Array(length * 3)
  const count = utf8EncodeInto(text, bytes).written
  let end = 0
  for (let i = 0; i < count; i++) {
    let byte = bytes[i]!
    if (byte === 0x25 && i + 2 < count) {
      const high = hexValue(bytes[i + 1]!)
      const low = hexValue(bytes[i + 2]!)
      if (high >= 0 && low >= 0) {
        byte = high * 16 + low
        i += 2
      }
    } else if (plus && byte === 0x2b) byte = 0x20
    bytes[end++] = byte
  }
  return utf8DecodeRange(bytes, 0, end, false)
}

/** The value of a hexadecimal digit, given as code unit; -1 if it is none. */
export function hexValue(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30
  const lower = unit | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
