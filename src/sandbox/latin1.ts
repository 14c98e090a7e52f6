/**
 * Text of code units up to 0xFF, and the bytes of the same numbers.
 */
import { apply, fromCharCode, stringCharCodeAt } from './primordials.ts'

/** As many arguments as one call of String.fromCharCode takes well. */
const UNITS_MAX = 2048

export function latin1Decode(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = ''
  for (let i = start; i < end; i += UNITS_MAX) {
    const count = end - i < UNITS_MAX ? end - i : UNITS_MAX
    const units: number[] = []
    for (let k = 0; k < count; k++) units[k] = bytes[i + k]!
    text += apply(fromCharCode, null, units)
  }
  return text
}

/** The bytes of a text, or undefined if a code unit is above 0xFF. */
export function latin1Encode(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit > 0xff) return undefined
    bytes[i] = unit
  }
  return bytes
}

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (stringCharCodeAt(text, i) > 0x7f) return false
  return true
}
