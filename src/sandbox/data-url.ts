/** The Fetch standard's "data: URL processor". */

import { latin1Decode } from './latin1.ts'
import { parseMimeType, serializeMimeType } from './mime-type.ts'
import { hexValue } from './percent.ts'
import {
  arrayBufferSlice,
  stringCharCodeAt,
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
  typedArrayBuffer,
  uint8ArrayFromBase64,
} from './primordials.ts'
import { utf8Encode } from './utf8.ts'

const SCHEME = 'data:'

/** What a serialized data: URL without its fragment holds; null if it is malformed. */
export function readDataUrl(url: string): { type: string; bytes: Uint8Array<ArrayBuffer> } | null {
  const comma = stringIndexOf(url, ',')
  if (comma < 0) return null
  let mediaType = trimSpace(stringSlice(url, SCHEME.length, comma))
  let bytes = percentDecodeBytes(stringSlice(url, comma + 1))
  const bare = withoutBase64(mediaType)
  if (bare !== null) {
    mediaType = bare
    try {
      bytes = uint8ArrayFromBase64(latin1Decode(bytes)) as Uint8Array<ArrayBuffer>
    } catch {
      return null
    }
  }
  const type = parseMimeType(mediaType[0] === ';' ? `text/plain${mediaType}` : mediaType)
  return { type: type === null ? 'text/plain;charset=US-ASCII' : serializeMimeType(type), bytes }
}

/** The text before a closing `;base64`, between which there may be spaces; null if that is not there. */
function withoutBase64(text: string): string | null {
  if (stringToLowerCase(stringSlice(text, -6)) !== 'base64') return null
  let end = text.length - 6
  while (end > 0 && text[end - 1] === ' ') end--
  return end > 0 && text[end - 1] === ';' ? stringSlice(text, 0, end - 1) : null
}

function percentDecodeBytes(text: string): Uint8Array<ArrayBuffer> {
  const encoded = utf8Encode(text)
  const { length } = encoded
  if (stringIndexOf(text, '%') < 0) return encoded
  const bytes = new Uint8Array(length)
  let end = 0
  for (let i = 0; i < length; i++) {
    let byte = encoded[i]!
    if (byte === 0x25 && i + 2 < length) {
      const high = hexValue(encoded[i + 1]!)
      const low = hexValue(encoded[i + 2]!)
      if (high >= 0 && low >= 0) {
        byte = high * 16 + low
        i += 2
      }
    }
    bytes[end++] = byte
  }
  return new Uint8Array(arrayBufferSlice(typedArrayBuffer(bytes) as ArrayBuffer, 0, end))
}

function trimSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isAsciiSpace(stringCharCodeAt(text, start))) start++
  while (end > start && isAsciiSpace(stringCharCodeAt(text, end - 1))) end--
  return stringSlice(text, start, end)
}

function isAsciiSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0c || unit === 0x0d
}
