/**
 * Reads what an isolate has left in its outbox. Every byte may be forged: a record that breaks the rules throws
 * Violation, which ends the instance.
 */
import { CALL_RECORDS, RECORD_ALIGNMENT, RECORD_HEADER_BYTES } from '../sandbox/wire.ts'

export class Violation extends Error {
  override readonly name = 'Violation'
}

/** Calls `handle` for each record. The payload is a view of the outbox, valid until the isolate runs again. */
export function readRecords(
  outbox: Buffer,
  bytes: number,
  handle: (type: number, id: number, payload: Buffer) => void,
): void {
  if (bytes < 0 || bytes > outbox.length) throw new Violation('outbox overrun')
  let offset = 0
  for (let count = 0; offset < bytes; count++) {
    if (count === CALL_RECORDS) throw new Violation('more records than a call may bring')
    if (offset + RECORD_HEADER_BYTES > bytes) throw new Violation('cut record')
    const word = outbox.readUInt32LE(offset)
    const from = offset + RECORD_HEADER_BYTES
    const to = from + (word >>> 8)
    if (to > bytes) throw new Violation('cut record')
    handle(word & 0xff, outbox.readUInt32LE(offset + 4), outbox.subarray(from, to))
    offset = (to + RECORD_ALIGNMENT - 1) & -RECORD_ALIGNMENT
  }
}

/** The texts of one call: each behind its length and a colon. */
export class Texts {
  readonly #all: string
  #at = 0
  /** In all. */
  readonly chars: number

  constructor(all: string) {
    this.#all = all
    this.chars = all.length
  }

  next(): string {
    const colon = this.#all.indexOf(':', this.#at)
    const length = Number(this.#all.slice(this.#at, colon))
    if (colon < 0 || !(length >= 0) || colon + 1 + length > this.#all.length) throw new Violation('cut text')
    this.#at = colon + 1 + length
    return this.#all.slice(colon + 1, this.#at)
  }
}

/** Encodes as UTF-8, a lone surrogate as U+FFFD. */
export function encodeText(text: string): Buffer {
  const size = Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafe(size)
  writeText(text, bytes, { at: 0, size })
  return bytes
}

/** Writes what `encodeText` gives; `size`: the text's length as UTF-8. */
export function writeText(text: string, target: Buffer, { at, size }: { at: number; size: number }): void {
  if (size === text.length) target.latin1Write(text, at, size)
  else target.utf8Write(text, at, size)
}

/** The number at an offset; a Violation if it is not there. */
export function uint32(payload: Buffer, offset: number): number {
  if (offset + 4 > payload.length) throw new Violation('short record')
  return payload.readUInt32LE(offset)
}

/** The item that an index names; a Violation if there is none. */
export function itemAt<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new Violation('index out of range')
  return item
}
