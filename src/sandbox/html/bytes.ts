/** Bytes as HTML's syntax classes them. */

/** By byte: tab, line feed, form feed, carriage return and space. */
export const TAB_TO_SPACE = table('\t\n\f\r ')

/** By byte: what ends the name of a tag, and of an attribute together with `=`. */
export const NAME_END = table('\t\n\f\r />')

function table(characters: string): Uint8Array {
  const flags = new Uint8Array(256)
  for (let i = 0; i < characters.length; i++) flags[characters.charCodeAt(i)] = 1
  return flags
}

export function isSpace(byte: number): boolean {
  return TAB_TO_SPACE[byte] === 1
}

export function isLetter(byte: number): boolean {
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

/**
 * Whether the text, in lower case, is there, in whatever case; undefined if more bytes are needed to tell and
 * `isFinal` does not say that there are none.
 */
export function startsWith(
  bytes: Uint8Array,
  at: number,
  text: string,
  isFinal: boolean,
  exactly = false,
): boolean | undefined {
  for (let i = 0; i < text.length; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) return isFinal ? false : undefined
    if ((exactly ? byte : lower(byte)) !== text.charCodeAt(i)) return false
  }
  return true
}

/** Names seen before, by a hash of their bytes: a document has few, and many times. */
const names: string[] = new Array(256).fill('')

/** The bytes as text of code units up to 0xFF, ASCII in lower case. */
export function lowerCase(bytes: Uint8Array, start: number, end: number): string {
  let hash = end - start
  for (let i = start; i < end; i++) hash = (hash * 31 + (bytes[i]! | 0x20)) & 0xff
  const known = names[hash]!
  if (known.length === end - start && isLowerOf(known, bytes, start)) return known
  let text = ''
  for (let i = start; i < end; i++) text += String.fromCharCode(lower(bytes[i]!))
  names[hash] = text
  return text
}

function isLowerOf(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== lower(bytes[start + i]!)) return false
  return true
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
}
