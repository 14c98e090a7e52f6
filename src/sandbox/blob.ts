/**
 * Blob and File. A blob's bytes lie in one array that nothing changes any more; slices share it.
 */

import { piecesOf } from './body-stream.ts'
import { host } from './current-host.ts'
import {
  stringCharCodeAt,
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArraySet,
} from './primordials.ts'
import type { ReadableStream } from './streams.ts'
import { utf8Decode, utf8Encode } from './utf8.ts'
import {
  type BufferSource,
  copyBytes,
  defineInterface,
  dictionary,
  domString,
  enumeration,
  isBufferSource,
  isObject,
  longLong,
  requireArguments,
  sequence,
  usvString,
} from './webidl.ts'

const ENDINGS = ['transparent', 'native'] as const

const noBytes = new Uint8Array(0)

/** A blob's state, whatever a guest has made of its getters. Both throw a TypeError on anything else. */
export let blobBytes: (blob: Blob) => Uint8Array<ArrayBuffer>
export let blobType: (blob: Blob) => string
export let isBlob: (value: unknown) => value is Blob
/** A blob of bytes that nobody will change any more. `type` is taken as it is. */
export let createBlob: (bytes: Uint8Array<ArrayBuffer>, type: string) => Blob
let setBlob: (blob: Blob, bytes: Uint8Array<ArrayBuffer>, type: string) => void

export class Blob {
  #bytes: Uint8Array<ArrayBuffer> = noBytes
  #type = ''

  constructor(parts: unknown = undefined, options: unknown = undefined) {
    const context = "Failed to construct 'Blob'"
    const read = parts === undefined ? [] : readParts(parts, context)
    const { endings, type } = blobOptions(options, context)
    this.#bytes = join(read, endings === 'native')
    this.#type = type
  }

  get size(): number {
    return typedArrayByteLength(this.#bytes)
  }

  get type(): string {
    return this.#type
  }

  slice(start: unknown = undefined, end: unknown = undefined, contentType: unknown = undefined): Blob {
    const bytes = this.#bytes
    const context = "Failed to execute 'slice' on 'Blob'"
    const size = typedArrayByteLength(bytes)
    const from = start === undefined ? 0 : boundary(longLong(start, context, 'clamp'), size)
    const to = end === undefined ? size : boundary(longLong(end, context, 'clamp'), size)
    const type = contentType === undefined ? '' : normalizeType(domString(contentType))
    return createBlob(part(bytes, from, to < from ? from : to), type)
  }

  stream(): ReadableStream<Uint8Array> {
    return piecesOf(this.#bytes)
  }

  async text(): Promise<string> {
    return utf8Decode(this.#bytes)
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return copyBytes(this.#bytes).buffer
  }

  async bytes(): Promise<Uint8Array> {
    return copyBytes(this.#bytes)
  }

  static {
    blobBytes = blob => blob.#bytes
    blobType = blob => blob.#type
    isBlob = (value): value is Blob => isObject(value) && #bytes in value
    setBlob = (blob, bytes, type) => {
      blob.#bytes = bytes
      blob.#type = type
    }
    createBlob = (bytes, type) => {
      const blob = new Blob()
      setBlob(blob, bytes, type)
      return blob
    }
  }
}

defineInterface('Blob', Blob)

export let fileName: (file: File) => string
export let fileLastModified: (file: File) => number
export let isFile: (value: unknown) => value is File
/** A file of bytes that nobody will change any more. */
export let createFileFromBytes: (
  bytes: Uint8Array<ArrayBuffer>,
  name: string,
  type: string,
  lastModified?: number,
) => File

export class File extends Blob {
  #name: string
  #lastModified: number

  constructor(parts: unknown, name: unknown, options: unknown = undefined) {
    const context = "Failed to construct 'File'"
    requireArguments(arguments.length, 2, context)
    const read = readParts(parts, context)
    const text = usvString(name)
    const { endings, type } = blobOptions(options, context)
    const { lastModified } = dictionary(options, context)
    super()
    setBlob(this, join(read, endings === 'native'), type)
    this.#name = text
    this.#lastModified = lastModified === undefined ? host.now() : longLong(lastModified, context)
  }

  get name(): string {
    return this.#name
  }

  get lastModified(): number {
    return this.#lastModified
  }

  static {
    fileName = file => file.#name
    fileLastModified = file => file.#lastModified
    isFile = (value): value is File => isObject(value) && #name in value
    createFileFromBytes = (bytes, name, type, lastModified) => {
      const file = new File([], name, { lastModified })
      setBlob(file, bytes, type)
      return file
    }
  }
}

defineInterface('File', File)

/** A file with a blob's bytes and type. */
export function createFile(blob: Blob, name: string): File {
  return createFileFromBytes(
    blobBytes(blob),
    name,
    blobType(blob),
    isFile(blob) ? fileLastModified(blob) : undefined,
  )
}

type Part = Uint8Array<ArrayBuffer> | string

/** Texts stay texts until the options are read: these say what becomes of line ends. */
function readParts(parts: unknown, context: string): Part[] {
  return sequence(parts, readPart, context)
}

function readPart(part: unknown): Part {
  if (isBlob(part)) return blobBytes(part)
  if (isBufferSource(part)) return copyBytes(part as BufferSource)
  return usvString(part)
}

function blobOptions(options: unknown, context: string): { endings: (typeof ENDINGS)[number]; type: string } {
  const { endings, type } = dictionary(options, context)
  return {
    endings: endings === undefined ? 'transparent' : enumeration(endings, ENDINGS, context),
    type: type === undefined ? '' : normalizeType(domString(type)),
  }
}

/** In lower case; empty if there is anything but printable ASCII in it. */
function normalizeType(type: string): string {
  for (let i = 0; i < type.length; i++) {
    const unit = stringCharCodeAt(type, i)
    if (unit < 0x20 || unit > 0x7e) return ''
  }
  return stringToLowerCase(type)
}

function join(parts: Part[], nativeEndings: boolean): Uint8Array<ArrayBuffer> {
  let total = 0
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    const bytes = typeof part === 'string' ? utf8Encode(nativeEndings ? withLineFeeds(part) : part) : part
    parts[i] = bytes
    total += typedArrayByteLength(bytes)
  }
  if (parts.length === 1) return parts[0] as Uint8Array<ArrayBuffer>
  const joined = new Uint8Array(total)
  let at = 0
  for (let i = 0; i < parts.length; i++) {
    typedArraySet(joined, parts[i] as Uint8Array, at)
    at += typedArrayByteLength(parts[i])
  }
  return joined
}

/** Every line end as a line feed, which is this platform's. */
function withLineFeeds(text: string): string {
  let result = ''
  let start = 0
  for (;;) {
    const at = stringIndexOf(text, '\r', start)
    if (at < 0) return start === 0 ? text : result + stringSlice(text, start)
    result += `${stringSlice(text, start, at)}\n`
    start = stringCharCodeAt(text, at + 1) === 0x0a ? at + 2 : at + 1
  }
}

/** The bytes from `start` to `end`, not copied. */
function part(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    typedArrayBuffer(bytes) as ArrayBuffer,
    typedArrayByteOffset(bytes) + start,
    end - start,
  )
}

/** A position that counts from the end if it is negative. */
function boundary(relative: number, size: number): number {
  if (relative < 0) return size + relative > 0 ? size + relative : 0
  return relative < size ? relative : size
}
