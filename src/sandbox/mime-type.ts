/** MIME types, parsed and serialized as the MIME Sniffing standard says. */
import type { HeaderList } from './header-list.ts'
import { regExpExec, stringCharCodeAt, stringIndexOf, stringSlice, stringToLowerCase } from './primordials.ts'

export interface MimeType {
  /** `type/subtype`, in lower case. */
  essence: string
  /** In order, names in lower case. */
  parameters: MimeParameter | null
}

/** A linked list: nothing that a guest patches on arrays can reach it. */
export interface MimeParameter {
  name: string
  value: string
  next: MimeParameter | null
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** The type that a text names, or null. */
export function parseMimeType(text: string): MimeType | null {
  const input = trimHttp(text, true)
  const slash = stringIndexOf(input, '/')
  if (slash < 0) return null
  let at = stringIndexOf(input, ';', slash)
  if (at < 0) at = input.length
  const type = stringSlice(input, 0, slash)
  const subtype = trimHttp(stringSlice(input, slash + 1, at), false)
  if (!matches(TOKEN, type) || !matches(TOKEN, subtype)) return null
  return {
    essence: stringToLowerCase(`${type}/${subtype}`),
    parameters: parseParameters(input, at),
  }
}

function parseParameters(input: string, from: number): MimeParameter | null {
  let first: MimeParameter | null = null
  let last: MimeParameter | null = null
  let at = from
  while (at < input.length) {
    at++
    while (at < input.length && isHttpSpace(stringCharCodeAt(input, at))) at++
    let end = at
    while (end < input.length && input[end] !== ';' && input[end] !== '=') end++
    const name = stringToLowerCase(stringSlice(input, at, end))
    at = end
    if (at >= input.length) break
    if (input[at] === ';') continue
    at++
    let value: string
    if (input[at] === '"') {
      const quoted = readQuoted(input, at)
      value = quoted.value
      at = nextSemicolon(input, quoted.end)
    } else {
      end = nextSemicolon(input, at)
      value = trimHttp(stringSlice(input, at, end), false)
      at = end
      if (value === '') continue
    }
    if (!matches(TOKEN, name) || !matches(VALUE, value) || find(first, name)) continue
    const parameter: MimeParameter = { name, value, next: null }
    if (last) last.next = parameter
    else first = parameter
    last = parameter
  }
  return first
}

function nextSemicolon(input: string, from: number): number {
  const at = stringIndexOf(input, ';', from)
  return at < 0 ? input.length : at
}

/** "Collect an HTTP quoted string": its value, and the index behind it. */
function readQuoted(input: string, from: number): { value: string; end: number } {
  let value = ''
  let at = from + 1
  while (at < input.length) {
    const character = input[at++]!
    if (character === '"') break
    if (character !== '\\') value += character
    else value += at < input.length ? input[at++] : '\\'
  }
  return { value, end: at }
}

export function serializeMimeType(type: MimeType): string {
  let text = type.essence
  for (let parameter = type.parameters; parameter; parameter = parameter.next) {
    text += `;${parameter.name}=`
    text += matches(TOKEN, parameter.value) ? parameter.value : quote(parameter.value)
  }
  return text
}

function quote(value: string): string {
  let text = '"'
  for (let i = 0; i < value.length; i++) {
    const character = value[i]!
    text += character === '"' || character === '\\' ? `\\${character}` : character
  }
  return `${text}"`
}

/** A parameter's value, or null. `name` in lower case. */
export function mimeParameter(type: MimeType, name: string): string | null {
  return find(type.parameters, name)?.value ?? null
}

function find(first: MimeParameter | null, name: string): MimeParameter | null {
  let parameter = first
  while (parameter && parameter.name !== name) parameter = parameter.next
  return parameter
}

/** The Fetch standard's "extract a MIME type": what the Content-Type headers together say, or null. */
export function mimeTypeOf(headers: HeaderList): MimeType | null {
  let charset: string | null = null
  let essence: string | null = null
  let result: MimeType | null = null
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'content-type') continue
    const text = headers[i + 1]!
    for (let at = 0; at <= text.length; ) {
      const end = nextComma(text, at)
      const type = parseMimeType(stringSlice(text, at, end))
      at = end + 1
      if (type === null || type.essence === '*/*') continue
      const own = find(type.parameters, 'charset')
      if (type.essence !== essence) {
        charset = own ? own.value : null
        essence = type.essence
      } else if (!own && charset !== null) {
        addParameter(type, { name: 'charset', value: charset, next: null })
      }
      result = type
    }
  }
  return result
}

function addParameter(type: MimeType, parameter: MimeParameter): void {
  let last = type.parameters
  if (!last) type.parameters = parameter
  else {
    while (last.next) last = last.next
    last.next = parameter
  }
}

/** The next comma outside of quotes. */
function nextComma(text: string, from: number): number {
  let at = from
  while (at < text.length && text[at] !== ',') at = text[at] === '"' ? readQuoted(text, at).end : at + 1
  return at
}

function matches(expression: RegExp, text: string): boolean {
  return regExpExec(expression, text) !== null
}

/** Without the spaces, tabs and line ends at its end and, with `both`, at its start. */
function trimHttp(text: string, both: boolean): string {
  let start = 0
  let end = text.length
  if (both) while (start < end && isHttpSpace(stringCharCodeAt(text, start))) start++
  while (end > start && isHttpSpace(stringCharCodeAt(text, end - 1))) end--
  return stringSlice(text, start, end)
}

function isHttpSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d
}
