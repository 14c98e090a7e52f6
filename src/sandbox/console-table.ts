/**
 * console.table: rows and columns in a frame.
 */
import { inspect } from './inspect.ts'
import {
  arrayIndexOf,
  arrayJoin,
  arrayPush,
  getOwnPropertyDescriptor,
  isArray,
  ownKeys,
  stringRepeat,
} from './primordials.ts'
import { isObject } from './webidl.ts'

const ROWS_MAX = 100
const COLUMNS_MAX = 20
const CELL_CHARS_MAX = 100

/** The table, or undefined for what is none. `properties`: the columns to show, if it is an array. */
export function formatTable(data: unknown, properties: unknown): string | undefined {
  if (!isObject(data)) return undefined
  try {
    return drawTable(data, isArray(properties) ? properties : undefined)
  } catch {
    return undefined
  }
}

function drawTable(data: object, only: unknown[] | undefined): string {
  const header = ['(index)']
  const rows: string[][] = []
  let hasValues = false
  const values: string[] = []
  if (only !== undefined)
    for (let i = 0; i < only.length && i < COLUMNS_MAX; i++) arrayPush(header, `${only[i] as string}`)
  const keys = enumerableKeys(data, ROWS_MAX)
  for (let i = 0; i < keys.length; i++) {
    const value = ownValue(data, keys[i]!)
    const row = [keys[i]!]
    values[i] = ''
    if (isObject(value)) addCells(header, row, value, only === undefined)
    else {
      values[i] = cell(value)
      hasValues = true
    }
    arrayPush(rows, row)
  }
  if (hasValues) {
    const column = header.length
    arrayPush(header, 'Values')
    for (let i = 0; i < rows.length; i++) rows[i]![column] = values[i]!
  }
  return draw(header, rows)
}

/** A row's cells in the columns of the header, which gets new ones if it may. */
function addCells(header: string[], row: string[], value: object, mayGrow: boolean): void {
  const keys = enumerableKeys(value, COLUMNS_MAX)
  for (let i = 0; i < keys.length; i++) {
    let column = arrayIndexOf(header, keys[i]!)
    if (column <= 0) {
      if (!mayGrow || header.length > COLUMNS_MAX) continue
      column = arrayPush(header, keys[i]!) - 1
    }
    row[column] = cell(ownValue(value, keys[i]!))
  }
}

function cell(value: unknown): string {
  const text = inspect(value, 0)
  return text.length > CELL_CHARS_MAX ? '…' : text
}

/** Values of accessors are not asked for. */
function ownValue(object: object, key: string): unknown {
  return getOwnPropertyDescriptor(object, key)?.value
}

function enumerableKeys(object: object, max: number): string[] {
  const own = ownKeys(object)
  const keys: string[] = []
  for (let i = 0; i < own.length && keys.length < max; i++) {
    const key = own[i]!
    if (typeof key === 'string' && getOwnPropertyDescriptor(object, key)?.enumerable) arrayPush(keys, key)
  }
  return keys
}

function draw(header: string[], rows: string[][]): string {
  const widths: number[] = []
  for (let column = 0; column < header.length; column++) {
    let width = header[column]!.length
    for (let i = 0; i < rows.length; i++) {
      const { length } = rows[i]![column] ?? ''
      if (length > width) width = length
    }
    widths[column] = width
  }
  const lines = [drawRule(widths, '┌', '┬', '┐'), drawRow(widths, header), drawRule(widths, '├', '┼', '┤')]
  for (let i = 0; i < rows.length; i++) arrayPush(lines, drawRow(widths, rows[i]!))
  arrayPush(lines, drawRule(widths, '└', '┴', '┘'))
  return arrayJoin(lines, '\n')
}

function drawRule(widths: number[], left: string, middle: string, right: string): string {
  const parts: string[] = []
  for (let i = 0; i < widths.length; i++) arrayPush(parts, stringRepeat('─', widths[i]! + 2))
  return left + arrayJoin(parts, middle) + right
}

function drawRow(widths: number[], cells: string[]): string {
  let line = '│'
  for (let i = 0; i < widths.length; i++) {
    const text = cells[i] ?? ''
    line += ` ${text}${stringRepeat(' ', widths[i]! - text.length)} │`
  }
  return line
}
