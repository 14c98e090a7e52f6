/**
 * UTF-8, both ways. A bare isolate has no native codec, so these loops are it: text is read four code units at a
 * time while it is ASCII, and made from arrays of code units, the fastest ways that V8 has.
 */
import { apply, arrayBufferTransfer, defineProperty, fromCharCode, stringCharCodeAt } from './primordials.ts'

/** The text's bytes. Lone surrogates become U+FFFD. */
export function utf8Encode(text: string): Uint8Array<ArrayBuffer> {
  const { length } = text
  const bytes = new Uint8Array(length)
  const ascii = encodeAscii(text, 0, bytes, 0, length)
  if (ascii === length) return bytes
  const whole = new Uint8Array(arrayBufferTransfer(bytes.buffer, ascii + utf8Length(text, ascii)))
  encodeRest(text, ascii, whole, ascii)
  return whole
}

/** How many bytes the text takes from the code unit at `start` on. */
export function utf8Length(text: string, start = 0): number {
  const { length } = text
  let count = length - start
  for (let i = start; i < length; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit < 0x80) continue
    if (unit < 0x800) count += 1
    else if (isPair(unit, text, i + 1)) {
      count += 2
      i++
    } else count += 2
  }
  return count
}

/** Writes as much of the text as fits into `target` from `offset` on, never part of a character. */
export function utf8EncodeInto(
  text: string,
  target: Uint8Array,
  offset = 0,
): { read: number; written: number } {
  const room = target.length - offset
  const ascii = encodeAscii(text, 0, target, offset, text.length < room ? text.length : room)
  if (ascii === text.length) return { read: ascii, written: ascii }
  const { read, end } = encodeRest(text, ascii, target, offset + ascii)
  return { read, written: end - offset }
}

/** Copies code units while they are ASCII; gives the index where it stopped, at most `end`. */
function encodeAscii(text: string, start: number, target: Uint8Array, offset: number, end: number): number {
  const shift = offset - start
  let i = start
  for (; i + 4 <= end; i += 4) {
    const a = stringCharCodeAt(text, i)
    const b = stringCharCodeAt(text, i + 1)
    const c = stringCharCodeAt(text, i + 2)
    const d = stringCharCodeAt(text, i + 3)
    if ((a | b | c | d) > 0x7f) break
    target[i + shift] = a
    target[i + shift + 1] = b
    target[i + shift + 2] = c
    target[i + shift + 3] = d
  }
  for (; i < end; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit > 0x7f) break
    target[i + shift] = unit
  }
  return i
}

/** Encodes from the code unit at `read` until the text ends or a character does not fit. */
function encodeRest(
  text: string,
  read: number,
  target: Uint8Array,
  end: number,
): { read: number; end: number } {
  const { length } = text
  const room = target.length
  let i = read
  let at = end
  while (i < length) {
    let unit = stringCharCodeAt(text, i)
    if (unit < 0x80) {
      if (at >= room) break
      target[at++] = unit
    } else if (unit < 0x800) {
      if (at + 2 > room) break
      target[at++] = 0xc0 | (unit >> 6)
      target[at++] = 0x80 | (unit & 0x3f)
    } else if (isPair(unit, text, i + 1)) {
      if (at + 4 > room) break
      unit = 0x1_00_00 + ((unit & 0x3_ff) << 10) + (stringCharCodeAt(text, ++i) & 0x3_ff)
      target[at++] = 0xf0 | (unit >> 18)
      target[at++] = 0x80 | ((unit >> 12) & 0x3f)
      target[at++] = 0x80 | ((unit >> 6) & 0x3f)
      target[at++] = 0x80 | (unit & 0x3f)
    } else {
      if (at + 3 > room) break
      if ((unit & 0xf8_00) === 0xd8_00) unit = 0xff_fd
      target[at++] = 0xe0 | (unit >> 12)
      target[at++] = 0x80 | ((unit >> 6) & 0x3f)
      target[at++] = 0x80 | (unit & 0x3f)
    }
    i++
  }
  return { read: i, end: at }
}

/** Whether `unit` and the code unit at `next` are the two halves of one character. */
function isPair(unit: number, text: string, next: number): boolean {
  return (
    (unit & 0xfc_00) === 0xd8_00 && next < text.length && (stringCharCodeAt(text, next) & 0xfc_00) === 0xdc_00
  )
}

/** Code units on their way into a string: as many as one call of String.fromCharCode takes well. */
const UNITS_MAX = 2048
const units: number[] = []

/** Not before something is decoded: many apps never do. By definition, so that no guest's accessor for an index sees it. */
function fillUnits(): void {
  const zero = { __proto__: null, value: 0, writable: true, enumerable: true, configurable: true }
  for (let i = 0; i < UNITS_MAX; i++) defineProperty(units, i, zero as PropertyDescriptor)
}

/** A string of the first `count` of `units`. */
function textOf(count: number): string {
  if (count === UNITS_MAX) return apply(fromCharCode, null, units)
  const part: number[] = []
  for (let i = 0; i < count; i++) part[i] = units[i]!
  return apply(fromCharCode, null, part)
}

/** The text of bytes: a BOM at their start is dropped, malformed sequences become U+FFFD. */
export function utf8Decode(bytes: Uint8Array): string {
  return utf8DecodeRange(bytes, hasBom(bytes) ? 3 : 0, bytes.length, false)
}

function hasBom(bytes: Uint8Array): boolean {
  return bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
}

/** The text of bytes from `start` to `end`, a BOM kept. `fatal`: a malformed sequence throws a TypeError. */
export function utf8DecodeRange(bytes: Uint8Array, start: number, end: number, fatal: boolean): string {
  if (units.length === 0) fillUnits()
  return decodeRange(bytes, start, end, fatal)
}

function decodeRange(bytes: Uint8Array, start: number, end: number, fatal: boolean): string {
  let text = ''
  let count = 0
  let i = start
  while (i < end) {
    // Every step below adds two units at the most.
    if (count > UNITS_MAX - 2) {
      text += textOf(count)
      count = 0
    }
    const lead = bytes[i]!
    if (lead < 0x80) {
      const stop = end - i < UNITS_MAX - count ? end : i + UNITS_MAX - count
      for (; i + 4 <= stop; i += 4) {
        const a = bytes[i]!
        const b = bytes[i + 1]!
        const c = bytes[i + 2]!
        const d = bytes[i + 3]!
        if ((a | b | c | d) > 0x7f) break
        units[count] = a
        units[count + 1] = b
        units[count + 2] = c
        units[count + 3] = d
        count += 4
      }
      for (; i < stop && bytes[i]! < 0x80; i++) units[count++] = bytes[i]!
      continue
    }
    const width = sequenceWidth(bytes, i, end)
    if (width < 0) {
      if (fatal) throw new TypeError('The encoded data was not valid for encoding utf-8')
      units[count++] = 0xff_fd
      i -= width
    } else if (width === 2) {
      units[count++] = ((lead & 0x1f) << 6) | (bytes[i + 1]! & 0x3f)
      i += 2
    } else if (width === 3) {
      units[count++] = ((lead & 0x0f) << 12) | ((bytes[i + 1]! & 0x3f) << 6) | (bytes[i + 2]! & 0x3f)
      i += 3
    } else {
      const point =
        ((lead & 0x07) << 18) |
        ((bytes[i + 1]! & 0x3f) << 12) |
        ((bytes[i + 2]! & 0x3f) << 6) |
        (bytes[i + 3]! & 0x3f)
      units[count++] = 0xd7_c0 + (point >> 10)
      units[count++] = 0xdc_00 | (point & 0x3_ff)
      i += 4
    }
  }
  return count === 0 ? text : text + textOf(count)
}

/**
 * The width of the sequence that begins with the byte at `i`, which is no ASCII. If it is malformed, or broken
 * off by `end`: minus the number of bytes that one U+FFFD replaces.
 */
function sequenceWidth(bytes: Uint8Array, i: number, end: number): number {
  const lead = bytes[i]!
  if (lead < 0xc2 || lead > 0xf4) return -1
  const width = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (i + 1 >= end) return -1
  const second = bytes[i + 1]!
  // No overlong forms, no surrogates, nothing beyond U+10FFFF.
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return -1
  for (let k = 2; k < width; k++) {
    if (i + k >= end || (bytes[i + k]! & 0xc0) !== 0x80) return -k
  }
  return width
}

/** How many bytes at the end are the beginning of a sequence that more bytes could complete: 0 to 3. */
export function utf8IncompleteTail(bytes: Uint8Array): number {
  const { length } = bytes
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back]!
    if ((byte & 0xc0) === 0x80) continue
    const width = byte < 0xc2 || byte > 0xf4 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return width > back && -sequenceWidth(bytes, length - back, length) === back ? back : 0
  }
  return 0
}
