/** A document's encoding: handlers see text, and what they write becomes bytes of the same encoding. */
import type { HtmlTools } from '../html-rewriter.ts'

export interface Codec {
  decode(bytes: Uint8Array, start: number, end: number): string
  encode(text: string): Uint8Array
  /** A name whose bytes were taken for code units. */
  fromUnits(text: string): string
  /** How many bytes at the end are the beginning of a character. */
  incompleteTail(bytes: Uint8Array): number
}

/** Throws a TypeError for a label that no encoding has, or one that does not extend ASCII. */
export function codecFor(label: string, tools: HtmlTools): Codec {
  const encoding = nameOf(label, tools)
  if (encoding === 'utf-8') return utf8(tools)
  if (encoding.startsWith('utf-16') || encoding === 'iso-2022-jp' || encoding === 'replacement')
    throw new TypeError(`HTMLRewriter cannot read ${encoding}: an encoding must extend ASCII.`)
  const decode = (bytes: Uint8Array) => tools.decode(bytes, encoding)
  return {
    decode: (bytes, start, end) => decode(bytes.subarray(start, end)),
    encode: text => tools.utf8Encode(asciiOnly(text)),
    fromUnits: text => (isAscii(text) ? text : decode(Uint8Array.from(text, unit => unit.charCodeAt(0)))),
    incompleteTail: bytes => unpairedLead(bytes, encoding),
  }
}

function nameOf(label: string, tools: HtmlTools): string {
  try {
    return tools.encodingName(label)
  } catch {
    throw new TypeError(`HTMLRewriter does not know the encoding '${label}' of the response's Content-Type.`)
  }
}

function utf8(tools: HtmlTools): Codec {
  return {
    decode: (bytes, start, end) => tools.utf8Decode(bytes, start, end),
    encode: text => tools.utf8Encode(text),
    fromUnits(text) {
      if (isAscii(text)) return text
      const bytes = Uint8Array.from(text, unit => unit.charCodeAt(0))
      return tools.utf8Decode(bytes, 0, bytes.length)
    },
    incompleteTail: bytes => tools.utf8IncompleteTail(bytes),
  }
}

/** In text and attributes every encoding has all characters: by their numbers. */
function asciiOnly(text: string): string {
  return isAscii(text) ? text : text.replace(/[^\0-\x7f]/gu, character => `&#${character.codePointAt(0)};`)
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

const SINGLE_BYTE = /^(?:ibm866|iso-8859-|koi8-|macintosh|windows-(?!31j)|x-mac-|x-user-defined)/

/** Whether the last byte begins a character of two, as far as the bytes above ASCII before it tell. */
function unpairedLead(bytes: Uint8Array, encoding: string): number {
  if (SINGLE_BYTE.test(encoding)) return 0
  let run = 0
  while (run < bytes.length && bytes[bytes.length - 1 - run]! > 0x7f) run++
  return run % 2
}
