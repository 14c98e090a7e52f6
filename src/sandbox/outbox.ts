/**
 * Where records for the host are written: shared memory that the host empties after each call.
 *
 * A record always finds a place. What does not fit is kept here, in order, and written at the start of the next
 * call; whoever sends much asks `roomBytes` first and waits its turn with `whenRoom`.
 */
import { utf8EncodeInto } from './encoding.ts'
import {
  arrayPush,
  arrayShift,
  sharedArrayBufferByteLength,
  stringCharCodeAt,
  typedArrayBuffer,
  typedArraySet,
} from './primordials.ts'
import type { RequestContext } from './request-context.ts'
import {
  CALL_RECORDS,
  CALL_TEXT_CHARS,
  CONTROL,
  OUTBOX_BYTES_LARGE,
  RECORD,
  RECORD_ALIGNMENT,
  RECORD_HEADER_BYTES,
} from './wire.ts'

const PADDING_MAX = RECORD_ALIGNMENT - 1

/** Whoever waits for room, and on whose behalf. */
interface Waiting {
  owner: RequestContext
  run: () => void
}

let control: Int32Array
let bytes: Uint8Array
let words: Uint32Array
let capacityBytes = 0
let used = 0
let records = 0
const deferred: { type: number; id: number; payload: Uint8Array; size: number }[] = []
const waiting: Waiting[] = []
/** One string, not an array: the host takes it on the thread that all apps share, where no guest code may run. */
let texts = ''
let textCount = 0
let textChars = 0

/** Where the payload of the record begun last goes: write to `out` from `at`. */
export let out: Uint8Array
export let at = 0

export function openOutbox(controlMemory: SharedArrayBuffer, memory: SharedArrayBuffer): void {
  control = new Int32Array(controlMemory)
  replaceOutbox(memory)
}

/** Takes another outbox into use; only between calls. */
export function replaceOutbox(memory: SharedArrayBuffer): void {
  bytes = new Uint8Array(memory)
  words = new Uint32Array(memory)
  capacityBytes = sharedArrayBufferByteLength(memory)
  control[CONTROL.wantsOutbox] = 0
}

/** Empties the outbox, which the host has read, and writes what had no room in it. Returns who waits for room. */
export function beginCall(): Waiting[] {
  used = 0
  records = 0
  texts = ''
  textCount = 0
  textChars = 0
  control[CONTROL.outboxBytes] = 0
  control[CONTROL.texts] = 0
  control[CONTROL.blocked] = 0
  while (deferred.length > 0 && fits(deferred[0]!.size)) {
    const { type, id, payload, size } = arrayShift(deferred) as (typeof deferred)[number]
    place(type, id, size)
    typedArraySet(out, payload, at)
  }
  if (deferred.length > 0) control[CONTROL.blocked] = 1
  const ready: Waiting[] = []
  while (waiting.length > 0) arrayPush(ready, arrayShift(waiting))
  return ready
}

/** Bytes that a payload may have, if there may be another record. */
function spaceBytes(): number {
  return capacityBytes - used - RECORD_HEADER_BYTES - PADDING_MAX
}

function fits(size: number): boolean {
  return records < CALL_RECORDS && size <= spaceBytes()
}

function place(type: number, id: number, size: number): void {
  words[used >> 2] = type | (size << 8)
  words[(used >> 2) + 1] = id
  out = bytes
  at = used + RECORD_HEADER_BYTES
  used = (at + size + PADDING_MAX) & ~PADDING_MAX
  control[CONTROL.outboxBytes] = used
  records++
}

/** Begins a record whose payload of `size` bytes the caller writes to `out` from `at`. */
export function record(type: number, id: number, size: number): void {
  if (deferred.length === 0 && fits(size)) return place(type, id, size)
  out = new Uint8Array(size)
  at = 0
  arrayPush(deferred, { type, id, payload: out, size })
  control[CONTROL.blocked] = 1
  if (size > spaceBytes()) wantLargeOutbox()
}

/** Asks the host for the large outbox, if this is not it. */
export function wantLargeOutbox(): void {
  if (capacityBytes < OUTBOX_BYTES_LARGE) control[CONTROL.wantsOutbox] = 1
}

/** How long a payload may be to go out in this call; below 0 not even an empty one may. */
export function roomBytes(): number {
  if (deferred.length > 0 || records >= CALL_RECORDS || textChars >= CALL_TEXT_CHARS) return -1
  return spaceBytes()
}

/** Calls back in the next call, when the outbox is empty again. */
export function whenRoom(owner: RequestContext, run: () => void): void {
  arrayPush(waiting, { owner, run })
  control[CONTROL.blocked] = 1
}

export function writeUint16(offset: number, value: number): void {
  out[at + offset] = value
  out[at + offset + 1] = value >> 8
}

export function writeUint32(offset: number, value: number): void {
  out[at + offset] = value
  out[at + offset + 1] = value >> 8
  out[at + offset + 2] = value >> 16
  out[at + offset + 3] = value >> 24
}

/** Writes a text of latin1 characters, a byte each. */
export function writeLatin1(offset: number, text: string): void {
  const from = at + offset
  for (let i = 0; i < text.length; i++) out[from + i] = stringCharCodeAt(text, i)
}

/** A record with some bytes as its payload. */
export function recordBytes(type: number, id: number, payload: Uint8Array, size: number): void {
  record(type, id, size)
  typedArraySet(out, payload, at)
}

/** A record with one number as its payload. */
export function recordUint32(type: number, id: number, value: number): void {
  record(type, id, 4)
  writeUint32(0, value)
}

/** A record of a number and a text in UTF-8. */
export function recordText(type: number, id: number, value: number, text: string): void {
  const scratch = new Uint8Array(4 + text.length * 3)
  const { written } = utf8EncodeInto(text, scratch, 4)
  recordBytes(type, id, new Uint8Array(typedArrayBuffer(scratch), 0, 4 + written), 4 + written)
  writeUint32(0, value)
}

/**
 * Has the host take `text` with the records of this call and encode it natively, as a body's piece. There must
 * be room for a record.
 */
export function recordNativeText(id: number, text: string): void {
  record(RECORD.text, id, 0)
  queueText(text)
}

/** The text that goes with the record begun last. The caller has made sure of room. */
export function queueText(text: string): void {
  texts += `${text.length}:${text}`
  textChars += text.length
  control[CONTROL.texts] = ++textCount
}

/**
 * The texts of this call in order, each behind its length and a colon. The host asks for it when
 * `CONTROL.texts` says that there are some.
 */
export function takeTexts(): string {
  const all = texts
  texts = ''
  return all
}
