/**
 * Bodies on their way out: a response's, a fetch's, a digest's data. Their bytes leave against credit from the
 * host and as the outbox has room, so that nothing is buffered beyond what guest code itself holds.
 */
import type { BodySource } from './host.ts'
import {
  at,
  out,
  record,
  recordNativeText,
  recordUint32,
  roomBytes,
  wantLargeOutbox,
  whenRoom,
} from './outbox.ts'
import {
  mapDelete,
  mapGet,
  mapSet,
  min,
  promiseThen,
  stringCharCodeAt,
  stringSlice,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArraySet,
  typedArrayTag,
} from './primordials.ts'
import type { RequestContext } from './request-context.ts'
import { cancelReader, type ReadableStreamDefaultReader, readerOf, readFrom } from './streams.ts'
import { RECORD, RECORD_ALIGNMENT } from './wire.ts'

/** Texts up to this many characters are encoded by the host in one piece, longer ones in pieces of this. */
export const TEXT_PIECE_CHARS = 131_072

const open = new Map<number, Outgoing>()

export class Outgoing {
  readonly id: number
  readonly owner: RequestContext
  #credit: number
  /** Called when the last byte is written, or with an error where the body broke off. */
  readonly #done: (failed: boolean, error?: unknown) => void
  #waiting: (() => void) | null = null
  #closed = false
  #reader: ReadableStreamDefaultReader<unknown> | null = null
  /** The bytes are still the guest's, who may change them as soon as it runs again. */
  #borrowed = false

  constructor(
    id: number,
    owner: RequestContext,
    credit: number,
    done: (failed: boolean, error?: unknown) => void,
  ) {
    this.id = id
    this.owner = owner
    this.#credit = credit
    this.#done = done
    mapSet(open, id, this)
  }

  /** Starts sending. */
  send(source: BodySource): void {
    switch (source.kind) {
      case 'text':
        return this.#sendText(source.text, 0)
      case 'bytes':
        return this.#sendBytes(source.bytes, 0, typedArrayByteLength(source.bytes), () => this.#end())
      case 'host':
        recordUint32(RECORD.pipe, this.id, source.id)
        return
      case 'stream':
        this.#reader = readerOf(source.stream)
        return this.#read()
    }
  }

  /** Sends bytes as they are now; what does not leave at once is copied. */
  sendBorrowed(bytes: Uint8Array): void {
    this.#borrowed = true
    this.send({ kind: 'bytes', bytes })
  }

  addCredit(bytes: number): void {
    this.#credit += bytes
    this.#wake()
  }

  /** The receiver wants no more: a stream's source is cancelled. */
  stop(reason: unknown): void {
    if (this.#closed) return
    this.#close()
    if (this.#reader) ignore(cancelReader(this.#reader, reason))
  }

  /** A body that the host took over (`pipe`) has been sent or has broken off there. */
  piped(failed: boolean): void {
    this.#close()
    this.#done(failed)
  }

  #sendText(text: string, from: number): void {
    if (this.#closed) return
    if (from >= text.length) return this.#end()
    if (this.#credit <= 0) return this.#wait(() => this.#sendText(text, from))
    if (roomBytes() < 0) return whenRoom(this.owner, () => this.#sendText(text, from))
    let to = min(from + TEXT_PIECE_CHARS, text.length)
    // A pair of surrogates stays together.
    if (to < text.length && (stringCharCodeAt(text, to - 1) & 0xfc00) === 0xd800) to--
    this.#credit -= to - from
    recordNativeText(this.id, from === 0 && to === text.length ? text : stringSlice(text, from, to))
    whenRoom(this.owner, () => this.#sendText(text, to))
  }

  #sendBytes(bytes: Uint8Array, from: number, length: number, then: () => void): void {
    if (this.#closed) return
    while (from < length) {
      const wanted = min(length - from, this.#credit)
      const room = roomBytes()
      if (this.#credit <= 0 || room < min(wanted, 4096)) {
        const go = this.#later(bytes, from, length, then)
        if (this.#credit <= 0) return this.#wait(go)
        wantLargeOutbox()
        return whenRoom(this.owner, go)
      }
      const possible = min(wanted, room)
      // So that what follows is aligned as the beginning is, and is copied as fast.
      const size =
        possible < length - from && possible >= RECORD_ALIGNMENT ? possible & -RECORD_ALIGNMENT : possible
      record(RECORD.chunk, this.id, size)
      const whole = from === 0 && size === length
      typedArraySet(
        out,
        whole ? bytes : new Uint8Array(typedArrayBuffer(bytes), typedArrayByteOffset(bytes) + from, size),
        at,
      )
      this.#credit -= size
      from += size
    }
    then()
  }

  /** Sends the rest of the bytes, as they are now if they are borrowed. */
  #later(bytes: Uint8Array, from: number, length: number, then: () => void): () => void {
    if (!this.#borrowed) return () => this.#sendBytes(bytes, from, length, then)
    this.#borrowed = false
    const rest = new Uint8Array(
      new Uint8Array(typedArrayBuffer(bytes), typedArrayByteOffset(bytes) + from, length - from),
    )
    return () => this.#sendBytes(rest, 0, length - from, then)
  }

  #read(): void {
    if (this.#closed) return
    if (this.#credit <= 0) return this.#wait(() => this.#read())
    promiseThen(
      readFrom(this.#reader!),
      result => {
        if (this.#closed) return
        if (result.done) return this.#end()
        const chunk = result.value
        if (typedArrayTag(chunk) !== 'Uint8Array') {
          const error = new TypeError(
            'A body stream must produce Uint8Array chunks; use a TextEncoderStream for text.',
          )
          ignore(cancelReader(this.#reader!, error))
          return this.#fail(error)
        }
        this.#sendBytes(chunk as Uint8Array, 0, typedArrayByteLength(chunk), () => this.#read())
      },
      error => this.#fail(error),
    )
  }

  #end(): void {
    record(RECORD.end, this.id, 0)
    this.#close()
    this.#done(false)
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    record(RECORD.broken, this.id, 0)
    this.#close()
    this.#done(true, error)
  }

  #wait(callback: () => void): void {
    this.#waiting = callback
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting && this.#credit > 0) waiting()
    else this.#waiting = waiting
  }

  #close(): void {
    this.#closed = true
    this.#waiting = null
    mapDelete(open, this.id)
  }
}

export function outgoing(id: number): Outgoing | undefined {
  return mapGet(open, id)
}

/** Takes note that a promise's rejection is of no interest. */
export function ignore(promise: Promise<unknown>): void {
  promiseThen(promise, undefined, () => {})
}
