/** FormData on the wire: `multipart/form-data` and `application/x-www-form-urlencoded`. */
import { blobBytes, blobType, createFileFromBytes, fileName } from './blob.ts'
import { host } from './current-host.ts'
import { utf8Encode } from './encoding.ts'
import { addFormDataEntry, FormData, formDataEntries } from './form-data.ts'
import { joinBytes } from './join-bytes.ts'
import {
  arrayPush,
  numberToString,
  stringCharCodeAt,
  stringIndexOf,
  stringPadStart,
  stringSlice,
  stringStartsWith,
  stringToLowerCase,
  stringTrim,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArrayIndexOf,
} from './primordials.ts'
import { parseUrlencoded } from './url-search-params.ts'
import { utf8DecodeRange } from './utf8.ts'

const BOUNDARY_RANDOM_BYTES = 12

const CR = 0x0d
const LF = 0x0a
const DASH = 0x2d

/** A form as one multipart body, with the boundary it was written with. */
export function serializeFormData(form: FormData): { bytes: Uint8Array<ArrayBuffer>; boundary: string } {
  const boundary = newBoundary()
  const chunks: Uint8Array[] = []
  let total = 0
  const add = (chunk: Uint8Array) => {
    arrayPush(chunks, chunk)
    total += typedArrayByteLength(chunk)
  }
  const entries = formDataEntries(form)
  for (let i = 0; i < entries.length; i++) {
    const { name, value } = entries[i]!
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(withCrLf(name))}"`
    if (typeof value === 'string') add(utf8Encode(`${head}\r\n\r\n${withCrLf(value)}\r\n`))
    else {
      const type = blobType(value) || 'application/octet-stream'
      add(utf8Encode(`${head}; filename="${escapeName(fileName(value))}"\r\nContent-Type: ${type}\r\n\r\n`))
      add(blobBytes(value))
      add(utf8Encode('\r\n'))
    }
  }
  add(utf8Encode(`--${boundary}--\r\n`))
  return { bytes: joinBytes(chunks, total), boundary }
}

function newBoundary(): string {
  const random = new Uint8Array(BOUNDARY_RANDOM_BYTES)
  host.fillRandom(random)
  let boundary = '----formdata-'
  for (let i = 0; i < BOUNDARY_RANDOM_BYTES; i++) {
    boundary += stringPadStart(numberToString(random[i]!, 16), 2, '0')
  }
  return boundary
}

/** Every line end as CR LF. */
function withCrLf(text: string): string {
  let result = ''
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit !== CR && unit !== LF) continue
    result += `${stringSlice(text, from, i)}\r\n`
    if (unit === CR && stringCharCodeAt(text, i + 1) === LF) i++
    from = i + 1
  }
  return from === 0 ? text : result + stringSlice(text, from)
}

function escapeName(name: string): string {
  let result = ''
  let from = 0
  for (let i = 0; i < name.length; i++) {
    const unit = stringCharCodeAt(name, i)
    const escaped = unit === LF ? '%0A' : unit === CR ? '%0D' : unit === 0x22 ? '%22' : null
    if (escaped === null) continue
    result += stringSlice(name, from, i) + escaped
    from = i + 1
  }
  return from === 0 ? name : result + stringSlice(name, from)
}

export function formDataFromUrlencoded(bytes: Uint8Array): FormData {
  const form = new FormData()
  const pairs = parseUrlencoded(utf8DecodeRange(bytes, 0, typedArrayByteLength(bytes), false))
  for (let i = 0; i < pairs.length; i++) addFormDataEntry(form, pairs[i]![0], pairs[i]![1])
  return form
}

/** Throws a TypeError unless the bytes are a whole multipart body with this boundary. */
export function formDataFromMultipart(bytes: Uint8Array, boundary: string): FormData {
  const form = new FormData()
  const delimiter = utf8Encode(`\r\n--${boundary}`)
  // The first delimiter may do without the line end before it; what comes before the first is ignored.
  let at = startsWith(bytes, delimiter, 2, 0) ? 0 : find(bytes, delimiter, 0) + 2
  at += typedArrayByteLength(delimiter) - 2
  for (;;) {
    if (bytes[at] === DASH && bytes[at + 1] === DASH) return form
    while (bytes[at] === 0x20 || bytes[at] === 0x09) at++
    expectLineEnd(bytes, at)
    const { part, end } = readPartHead(bytes, at + 2)
    const bodyEnd = find(bytes, delimiter, end - 2)
    // The line end that ends the head may be the delimiter's own.
    const size = bodyEnd > end ? bodyEnd - end : 0
    if (part.filename === null) {
      addFormDataEntry(form, part.name, utf8DecodeRange(bytes, end, end + size, false))
    } else {
      const content = new Uint8Array(viewOf(bytes, end, size))
      addFormDataEntry(
        form,
        part.name,
        createFileFromBytes(content, part.filename, part.type ?? 'text/plain'),
      )
    }
    at = bodyEnd + typedArrayByteLength(delimiter)
  }
}

interface Part {
  name: string
  filename: string | null
  type: string | null
}

function readPartHead(bytes: Uint8Array, from: number): { part: Part; end: number } {
  const part: Part = { name: '', filename: null, type: null }
  const size = typedArrayByteLength(bytes)
  let named = false
  let at = from
  while (bytes[at] !== CR) {
    let end = at
    while (end < size && bytes[end] !== CR) end++
    expectLineEnd(bytes, end)
    const line = utf8DecodeRange(bytes, at, end, false)
    const colon = stringIndexOf(line, ':')
    if (colon < 1) malformed()
    const name = stringToLowerCase(stringTrim(stringSlice(line, 0, colon)))
    const value = stringTrim(stringSlice(line, colon + 1))
    if (name === 'content-type') part.type = value
    else if (name === 'content-disposition') named = readDisposition(value, part)
    at = end + 2
  }
  expectLineEnd(bytes, at)
  if (!named) malformed()
  return { part, end: at + 2 }
}

/** `form-data; name="…"; filename="…"`: whether there was a name. */
function readDisposition(value: string, part: Part): boolean {
  if (!stringStartsWith(stringToLowerCase(value), 'form-data')) malformed()
  let named = false
  let at = 'form-data'.length
  while (at < value.length) {
    while (value[at] === ' ' || value[at] === '\t') at++
    if (at >= value.length) break
    if (value[at] !== ';') malformed()
    at++
    const equals = stringIndexOf(value, '=', at)
    if (equals < 0) malformed()
    const key = stringToLowerCase(stringTrim(stringSlice(value, at, equals)))
    const quoted = value[equals + 1] === '"'
    const start = quoted ? equals + 2 : equals + 1
    let end = stringIndexOf(value, quoted ? '"' : ';', start)
    if (end < 0) {
      if (quoted) malformed()
      end = value.length
    }
    const text = stringSlice(value, start, end)
    if (key === 'name') {
      part.name = unescapeName(text)
      named = true
    } else if (key === 'filename') part.filename = unescapeName(text)
    at = quoted ? end + 1 : end
  }
  return named
}

/** Undoes `escapeName`; other percent signs are themselves. */
function unescapeName(text: string): string {
  let result = ''
  let from = 0
  for (let at = stringIndexOf(text, '%'); at >= 0; at = stringIndexOf(text, '%', at + 1)) {
    const code = stringToLowerCase(stringSlice(text, at + 1, at + 3))
    const unescaped = code === '0a' ? '\n' : code === '0d' ? '\r' : code === '22' ? '"' : null
    if (unescaped === null) continue
    result += stringSlice(text, from, at) + unescaped
    from = at + 3
  }
  return result + stringSlice(text, from)
}

function expectLineEnd(bytes: Uint8Array, at: number): void {
  if (bytes[at] !== CR || bytes[at + 1] !== LF) malformed()
}

/** Where `needle` begins at or after `from`; throws if nowhere. */
function find(bytes: Uint8Array, needle: Uint8Array, from: number): number {
  for (let at = indexOfByte(bytes, CR, from); at >= 0; at = indexOfByte(bytes, CR, at + 1)) {
    if (startsWith(bytes, needle, 0, at)) return at
  }
  return malformed()
}

function indexOfByte(bytes: Uint8Array, byte: number, from: number): number {
  return typedArrayIndexOf(bytes, byte, from)
}

/** Whether the needle, from its index `skip` on, lies at `at`. */
function startsWith(bytes: Uint8Array, needle: Uint8Array, skip: number, at: number): boolean {
  for (let i = skip; i < typedArrayByteLength(needle); i++)
    if (bytes[at + i - skip] !== needle[i]) return false
  return true
}

function viewOf(bytes: Uint8Array, from: number, size: number): Uint8Array {
  return new Uint8Array(typedArrayBuffer(bytes), typedArrayByteOffset(bytes) + from, size)
}

function malformed(): never {
  throw new TypeError('The body is not well-formed multipart/form-data.')
}
