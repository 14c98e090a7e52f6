/**
 * How inspected values are laid out: quotes, keys, and entries on one line or on several.
 */
import {
  arrayJoin,
  arrayPush,
  jsonStringify,
  regExpExec,
  stringIncludes,
  stringIndexOf,
  stringSlice,
  stringStartsWith,
  symbolToString,
} from './primordials.ts'

const LINE_CHARS_MAX = 76
/** Short entries of an array share lines if there are more than this. */
const GROUPED_ENTRIES_MIN = 6
const GROUPED_ENTRY_CHARS_MAX = 16

/** How the entry begins that stands for those left out. */
export const MORE = '... '

const identifier = /^[a-zA-Z_$][\w$]*$/
const plain = /^[^\\'\u0000-\u001f\u007f-\u009f]*$/

/** A string literal: in single quotes, unless it has some. */
export function quote(text: string): string {
  if (regExpExec(plain, text) !== null) return `'${text}'`
  const literal = jsonStringify(text)
  const inner = stringSlice(literal, 1, -1)
  if (!stringIncludes(text, '"') && stringIncludes(text, "'")) return literal
  const bare = replaceAll(inner, '\\"', '"')
  return stringIncludes(text, "'") ? `'${replaceAll(bare, "'", "\\'")}'` : `'${bare}'`
}

function replaceAll(text: string, from: string, to: string): string {
  let result = ''
  let start = 0
  for (;;) {
    const at = stringIndexOf(text, from, start)
    if (at < 0) return start === 0 ? text : result + stringSlice(text, start)
    result += stringSlice(text, start, at) + to
    start = at + from.length
  }
}

export function formatKey(key: PropertyKey): string {
  if (typeof key === 'symbol') return `[${symbolToString(key)}]`
  return regExpExec(identifier, `${key as string}`) !== null ? `${key as string}` : quote(`${key as string}`)
}

/** Indents all lines but the first. */
export function indent(text: string, by: string): string {
  return stringIncludes(text, '\n') ? replaceAll(text, '\n', `\n${by}`) : text
}

/** Entries between brackets: on one line if they fit and `apart` does not forbid it. */
export function formatEntries(open: string, entries: string[], close: string, apart = false): string {
  if (entries.length === 0) return open + close
  let chars = open.length
  let lines = false
  let longest = 0
  for (let i = 0; i < entries.length; i++) {
    const { length } = entries[i]!
    chars += length + 2
    if (length > longest && !stringStartsWith(entries[i]!, MORE)) longest = length
    lines ||= stringIncludes(entries[i]!, '\n')
  }
  if (!apart && !lines && chars <= LINE_CHARS_MAX) return `${open} ${arrayJoin(entries, ', ')} ${close}`
  const grouped = close === ']' && entries.length > GROUPED_ENTRIES_MIN && longest <= GROUPED_ENTRY_CHARS_MAX
  const rows = grouped ? fill(entries) : entries
  const indented: string[] = []
  for (let i = 0; i < rows.length; i++) arrayPush(indented, indent(rows[i]!, '  '))
  return `${open}\n  ${arrayJoin(indented, ',\n  ')}\n${close}`
}

/** As many entries on each line as fit. */
function fill(entries: string[]): string[] {
  const rows: string[] = []
  let row = entries[0]!
  for (let i = 1; i < entries.length; i++) {
    if (row.length + entries[i]!.length + 2 > LINE_CHARS_MAX || stringStartsWith(entries[i]!, MORE)) {
      arrayPush(rows, row)
      row = entries[i]!
    } else row += `, ${entries[i]!}`
  }
  arrayPush(rows, row)
  return rows
}
