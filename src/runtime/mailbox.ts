/**
 * What passes between this process and one isolate: events in and records out, by memory that both have
 * (sandbox/wire.ts, CONTROL). Whatever the isolate has written there may be forged: numbers are only believed as far as
 * they fit what this side knows.
 */
import { externalTextRead } from '../body-memory.ts'
import { CONTROL, EVENTS_OFFSET, OUTBOX_BYTES_LARGE } from '../sandbox/wire.ts'
import { EventQueue } from './event-queue.ts'
import { type Isolate, share, type Transferable } from './isolate.ts'
import { Texts } from './records.ts'

export class Mailbox {
  /** Events that wait to enter. */
  readonly queue = new EventQueue()
  readonly #isolate: Isolate
  readonly #control: Int32Array
  readonly #events: Int32Array
  #outbox: Buffer
  /** Requests handed to the isolate and perhaps not begun, in order. */
  #handed: number[] = []
  #begunSeen = 0

  constructor(isolate: Isolate) {
    this.#isolate = isolate
    this.#control = new Int32Array(isolate.control)
    this.#events = new Int32Array(isolate.control, EVENTS_OFFSET)
    this.#outbox = Buffer.from(isolate.outbox)
  }

  /** The request whose code is running, or was last; 0: none. */
  get current(): number {
    return this.#control[CONTROL.current]! >>> 0
  }

  /** Whether the isolate has anything to do: events that wait on either side, or records that found no room. */
  get hasWork(): boolean {
    return this.queue.length > 0 || this.#control[CONTROL.queued]! > 0 || this.#control[CONTROL.blocked]! > 0
  }

  /** Bytes of WebAssembly memory, as far as the sandbox sees them. */
  get wasmBytes(): number {
    return Math.max(0, this.#control[CONTROL.wasmKib]!) * 1024
  }

  /** Where records lie, from the first byte on. */
  get outbox(): Buffer {
    return this.#outbox
  }

  /** Enters the isolate with what waits, or as much of it as one call takes. Resolves as `Isolate.enter` does. */
  enter(): Promise<unknown> {
    const extras: Transferable[] = []
    if (this.#control[CONTROL.wantsOutbox] === 1 && this.#outbox.length < OUTBOX_BYTES_LARGE) {
      const larger = new SharedArrayBuffer(OUTBOX_BYTES_LARGE)
      this.#outbox = Buffer.from(larger)
      extras.push(share(larger))
    }
    const { count, text } = this.queue.write(this.#events, extras, this.#handed)
    this.#control[CONTROL.incoming] = count
    return this.#isolate.enter(text, extras)
  }

  /** Forgets the requests that have been begun. */
  noteBegun(): void {
    const begun = this.#control[CONTROL.begun]! - this.#begunSeen
    this.#begunSeen += begun
    if (begun > 0) this.#handed = this.#handed.slice(begun)
  }

  /** How many bytes of records wait in the outbox; they are not to be read twice. */
  takeOutbox(): number {
    const bytes = this.#control[CONTROL.outboxBytes]!
    this.#control[CONTROL.outboxBytes] = 0
    return bytes
  }

  /** The texts that this call's records speak of; null if they speak of none. Throws if the isolate is gone. */
  takeTexts(): Texts | null {
    if (this.#control[CONTROL.texts]! <= 0) return null
    const text = this.#isolate.takeTexts()
    externalTextRead(text.length)
    return new Texts(text)
  }

  /** Requests that have certainly not reached the app's code, in order. */
  untouched(): number[] {
    this.noteBegun()
    return [...this.#handed, ...this.queue.requests()]
  }

  /** Events and requests that wait here, and in the isolate for those before them, as far as it tells. */
  get waiting(): number {
    const begun = this.#control[CONTROL.begun]! - this.#begunSeen
    return this.queue.length + Math.min(this.#handed.length, Math.max(0, this.#handed.length - begun))
  }
}
