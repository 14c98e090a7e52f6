/**
 * Every encoding of the Encoding standard but UTF-8. Heavy for the tables of the multi-byte ones.
 */
import { normalizeEncoding, TextDecoder } from '@exodus/bytes/encoding.js'
import type { Decoder } from '../encoding.ts'

/** The encoding's name in lower case, or undefined if no decoder can have it. */
export function encodingName(label: string): string | undefined {
  const name = normalizeEncoding(label)
  return name === null || name === 'replacement' ? undefined : name
}

/** A byte order mark is passed on. */
export function createDecoder(encoding: string, fatal: boolean): Decoder {
  const decoder = new TextDecoder(encoding, { fatal, ignoreBOM: true })
  return { decode: (bytes, last) => decoder.decode(bytes, { stream: !last }) }
}
