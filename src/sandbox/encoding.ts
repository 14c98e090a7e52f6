/**
 * TextEncoder and TextDecoder. UTF-8 is here; a decoder for any other encoding brings in the part `encodings`.
 */
import { isAscii } from './latin1.ts'
import { loadPart } from './parts.ts'
import {
  stringCharCodeAt,
  stringSlice,
  stringToLowerCase,
  typedArraySet,
  typedArrayTag,
} from './primordials.ts'
import { utf8DecodeRange, utf8Encode, utf8EncodeInto, utf8IncompleteTail } from './utf8.ts'
import {
  type BufferSource,
  bytesOf,
  defineInterface,
  dictionary,
  domString,
  isBufferSource,
  requireArguments,
} from './webidl.ts'

export { utf8Decode, utf8Encode, utf8EncodeInto } from './utf8.ts'

/** Turns chunks of bytes into text. `last`: nothing follows, so what is incomplete is malformed. */
export interface Decoder {
  decode(bytes: Uint8Array, last: boolean): string
}

/** What the part `encodings` exports. */
interface Encodings {
  /** The encoding's name in lower case, or undefined for an unknown label. `label` is trimmed and in lower case. */
  encodingName(label: string): string | undefined
  createDecoder(encoding: string, fatal: boolean): Decoder
}

export class TextEncoder {
  #brand: undefined

  get encoding(): string {
    void this.#brand
    return 'utf-8'
  }

  encode(input: unknown = ''): Uint8Array<ArrayBuffer> {
    void this.#brand
    return utf8Encode(domString(input))
  }

  encodeInto(source: unknown, destination: Uint8Array): { read: number; written: number } {
    void this.#brand
    const context = "Failed to execute 'encodeInto' on 'TextEncoder'"
    requireArguments(arguments.length, 2, context)
    const text = domString(source)
    if (typedArrayTag(destination) !== 'Uint8Array') {
      throw new TypeError(`${context}: parameter 2 is not of type 'Uint8Array'.`)
    }
    return utf8EncodeInto(text, destination)
  }
}

/** A byte order mark is handled by TextDecoder itself, for these. */
const BOM = 0xfe_ff

export class TextDecoder {
  #encoding: string
  #fatal: boolean
  #ignoreBOM: boolean
  /** Undefined between streams. */
  #decoder: Decoder | undefined
  #bomSeen = false

  constructor(label: unknown = 'utf-8', options: unknown = undefined) {
    const context = "Failed to construct 'TextDecoder'"
    const text = domString(label)
    const { fatal, ignoreBOM } = dictionary(options, context)
    const encoding = encodingOf(text)
    if (encoding === undefined) {
      throw new RangeError(`${context}: The encoding label provided ('${text}') is invalid.`)
    }
    this.#encoding = encoding
    this.#fatal = !!fatal
    this.#ignoreBOM = !!ignoreBOM
  }

  get encoding(): string {
    return this.#encoding
  }

  get fatal(): boolean {
    return this.#fatal
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBOM
  }

  decode(input: BufferSource | undefined = undefined, options: unknown = undefined): string {
    const context = "Failed to execute 'decode' on 'TextDecoder'"
    let decoder = this.#decoder
    if (input !== undefined && !isBufferSource(input, true)) {
      throw new TypeError(`${context}: parameter 1 is not of type 'ArrayBuffer'.`)
    }
    const stream = !!dictionary(options, context).stream
    const bytes = input === undefined ? new Uint8Array(0) : bytesOf(input)
    if (decoder === undefined) {
      decoder = createDecoder(this.#encoding, this.#fatal)
      this.#bomSeen = false
    }
    this.#decoder = stream ? decoder : undefined
    const text = decoder.decode(bytes, !stream)
    if (this.#bomSeen || text === '') return text
    this.#bomSeen = true
    return !this.#ignoreBOM && stringCharCodeAt(text, 0) === BOM ? stringSlice(text, 1) : text
  }
}

function encodingOf(label: string): string | undefined {
  switch (label) {
    case 'utf-8':
    case 'utf8':
    case 'UTF-8':
      return 'utf-8'
  }
  let start = 0
  let end = label.length
  while (start < end && isAsciiSpace(stringCharCodeAt(label, start))) start++
  while (end > start && isAsciiSpace(stringCharCodeAt(label, end - 1))) end--
  const name = stringSlice(label, start, end)
  // Other letters, as U+212A, would be lowered to ASCII.
  return isAscii(name) ? loadPart<Encodings>('encodings').encodingName(stringToLowerCase(name)) : undefined
}

function isAsciiSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0c || unit === 0x0d
}

function createDecoder(encoding: string, fatal: boolean): Decoder {
  return encoding === 'utf-8'
    ? new Utf8Decoder(fatal)
    : loadPart<Encodings>('encodings').createDecoder(encoding, fatal)
}

const nothing = new Uint8Array(0)

/** Keeps the bytes of a character whose rest has not come yet. */
class Utf8Decoder implements Decoder {
  #fatal: boolean
  #pending: Uint8Array = nothing

  constructor(fatal: boolean) {
    this.#fatal = fatal
  }

  decode(chunk: Uint8Array, last: boolean): string {
    let bytes = chunk
    const pending = this.#pending
    if (pending.length > 0) {
      bytes = new Uint8Array(pending.length + chunk.length)
      typedArraySet(bytes, pending, 0)
      typedArraySet(bytes, chunk, pending.length)
      this.#pending = nothing
    }
    const tail = last ? 0 : utf8IncompleteTail(bytes)
    const end = bytes.length - tail
    if (tail > 0) {
      this.#pending = new Uint8Array(tail)
      for (let i = 0; i < tail; i++) this.#pending[i] = bytes[end + i]!
    }
    return utf8DecodeRange(bytes, 0, end, this.#fatal)
  }
}

defineInterface('TextEncoder', TextEncoder)
defineInterface('TextDecoder', TextDecoder)

/** The method, whatever guests put in its place. */
export const textDecode = TextDecoder.prototype.decode
