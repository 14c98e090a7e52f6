/**
 * Bodies that lie in the runtime process between their sender and whoever reads them: a request's on the way into
 * an isolate, a fetched response's, or one that an app passes on without touching its bytes.
 *
 * A body holds at most a window of bytes that nobody has asked for; more come only as they are taken.
 */

import type { Room } from './frame-writer.ts'

/** Who is asked for more of a body, or told that none is wanted. */
export interface Producer {
  credit(bytes: number): void
  cancel(): void
}

/** Where outgoing bytes go: a client's response, a fetch's upload, a digest. */
export interface Sink {
  /** Where others send, too: whether there is room for more. Default: there always is. */
  readonly room?: Room
  /** Takes bytes, which it copies if it keeps them; asks the producer for more by `credit`. */
  write(bytes: Uint8Array): void
  end(): void
  /** The sender has broken off. */
  fail(message: string): void
}

/** Who waits for a body's bytes. Exactly one of the calls answers one `pull`. */
export interface Puller {
  chunk(bytes: ArrayBuffer): void
  /** All that is left, or a long part of it: then there is to be another pull. */
  collected(value: ArrayBuffer | string, isAll: boolean): void
  end(): void
  broken(reason: string): void
}

/**
 * A body that is wanted whole is handed over in parts of about this length. To gather, copy and decode 100 MB in one go
 * kept everybody else waiting for 60 to 400 ms; whoever wants it joins the parts in its own time.
 */
const PART_BYTES = 2 ** 20

type Waiting =
  | { how: 'chunk'; puller: Puller }
  | { how: 'bytes' | 'text'; puller: Puller }
  | { how: 'pipe'; sink: Sink }

export class Body {
  readonly #producer: Producer
  /** Tells the instance how many bytes lie here now: they count as its memory. */
  readonly #account: (deltaBytes: number) => void
  #chunks: Buffer[] = []
  #bytes = 0
  /** How many of them the producer was not asked to replace. */
  #unasked = 0
  /** A byte order mark can come no more. */
  #begun = false
  #ended = false
  #broken: string | null = null
  #waiting: Waiting | null = null
  /** Bytes that a pipe's sink may be sent now. */
  #sinkCredit = 0
  closed = false
  /** The longest piece that is handed over at a time; more is kept until it is asked for. */
  pieceBytesMax = Infinity

  constructor(producer: Producer, account: (deltaBytes: number) => void) {
    this.#producer = producer
    this.#account = account
  }

  /** Bytes from the producer, which the body keeps. */
  push(chunk: Buffer): void {
    if (this.closed || chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#add(chunk.length)
    this.#unasked += chunk.length
    if (this.#waiting?.how === 'bytes' || this.#waiting?.how === 'text') this.#ask(this.#unasked)
    this.#deliver()
  }

  end(): void {
    this.#ended = true
    this.#deliver()
  }

  fail(reason: string): void {
    this.#broken = reason
    this.#deliver()
  }

  /** Asks for the next bytes, or for all or a long part of them. Only one may ask at a time. */
  pull(how: 'chunk' | 'bytes' | 'text', puller: Puller): void {
    if (this.#waiting || this.closed)
      return puller.broken('This body is being read already, or was cancelled.')
    this.#waiting = { how, puller }
    if (how !== 'chunk') this.#ask(this.#unasked)
    this.#deliver()
  }

  /** Sends all bytes on to a sink, as it grants credit. */
  pipe(sink: Sink, credit: number): void {
    if (this.#waiting || this.closed) return sink.fail('The body is being read already, or was cancelled.')
    this.#sinkCredit = credit
    this.#waiting = { how: 'pipe', sink }
    this.#deliver()
  }

  addSinkCredit(bytes: number): void {
    this.#sinkCredit += bytes
    this.#deliver()
  }

  /** Nobody wants the rest. */
  cancel(): void {
    if (this.closed) return
    const unfinished = !this.#ended && this.#broken === null
    this.#close()
    if (unfinished) this.#producer.cancel()
  }

  /** Asks for as many bytes as were taken. */
  #ask(bytes: number): void {
    const due = Math.min(bytes, this.#unasked)
    this.#unasked -= due
    if (due > 0) this.#producer.credit(due)
  }

  #add(bytes: number): void {
    this.#bytes += bytes
    this.#account(bytes)
  }

  #close(): void {
    this.closed = true
    this.#waiting = null
    this.#account(-this.#bytes)
    this.#bytes = 0
    this.#chunks = []
  }

  #deliver(): void {
    const waiting = this.#waiting
    if (!waiting || this.closed) return
    if (waiting.how === 'pipe') this.#deliverToSink(waiting.sink)
    else if (this.#broken !== null) this.#finish(() => waiting.puller.broken(this.#broken!))
    else if (waiting.how === 'chunk') this.#deliverChunk(waiting.puller)
    else if (this.#ended || this.#bytes >= PART_BYTES) {
      this.#waiting = null
      const value = waiting.how === 'text' ? this.#takeText() : ownBuffer(this.#takeAll())
      if (this.#ended) this.#finish(() => waiting.puller.collected(value, true))
      else waiting.puller.collected(value, false)
    }
  }

  #deliverChunk(puller: Puller): void {
    if (this.#chunks.length > 0) {
      const piece = this.#takePiece()
      // Handing the bytes over takes them away from here, their length too.
      const { length } = piece
      this.#waiting = null
      puller.chunk(ownBuffer(piece))
      if (!this.#ended) this.#ask(length)
    } else if (this.#ended) {
      this.#finish(() => puller.end())
    }
  }

  #deliverToSink(sink: Sink): void {
    while (this.#chunks.length > 0 && this.#sinkCredit > 0) {
      if (sink.room?.isFull) return sink.room.whenRoom(this.#onRoom)
      const chunk = this.#chunks.shift()!
      const piece = chunk.length > this.#sinkCredit ? chunk.subarray(0, this.#sinkCredit) : chunk
      if (piece !== chunk) this.#chunks.unshift(chunk.subarray(piece.length))
      this.#sinkCredit -= piece.length
      this.#add(-piece.length)
      sink.write(piece)
      if (this.closed) return
      if (!this.#ended) this.#ask(piece.length)
    }
    if (this.#chunks.length > 0) return
    if (this.#broken !== null) this.#finish(() => sink.fail(this.#broken!))
    else if (this.#ended) this.#finish(() => sink.end())
  }

  readonly #onRoom = (): void => this.#deliver()

  #takePiece(): Buffer {
    if (this.#bytes <= this.pieceBytesMax) return this.#takeAll()
    const first = this.#chunks.shift()!
    const piece = first.subarray(0, this.pieceBytesMax)
    if (piece.length < first.length) this.#chunks.unshift(first.subarray(piece.length))
    this.#add(-piece.length)
    return piece
  }

  #takeAll(): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#add(-this.#bytes)
    return all
  }

  /** UTF-8 as the Encoding standard decodes it, without a byte order mark. A character that is not whole is left. */
  #takeText(): string {
    const all = this.#takeAll()
    const end = this.#ended ? all.length : wholeCharacters(all)
    if (end < all.length) {
      this.#chunks = [all.subarray(end)]
      this.#add(all.length - end)
    }
    const hasMark = !this.#begun && all[0] === 0xef && all[1] === 0xbb && all[2] === 0xbf
    this.#begun = true
    return all.utf8Slice(hasMark ? 3 : 0, end)
  }

  #finish(tell: () => void): void {
    this.#close()
    tell()
  }
}

/** The bytes in an ArrayBuffer of their own, as transferring them demands. */
function ownBuffer(bytes: Buffer): ArrayBuffer {
  if (bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength)
    return bytes.buffer as ArrayBuffer
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
}

/** Up to where UTF-8 can be decoded without what follows: before a last character of which bytes are missing. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!
    if (byte >= 0x80 && byte < 0xc0) continue
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return wanted > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}
