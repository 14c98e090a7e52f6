/**
 * The protocol between scheduler and runtime: length-prefixed binary frames over a unix socket or TCP.
 *
 *     u32le size of the rest | u8 type | u8 flags | u16 0 | u32le id | payload
 *
 * `id` names an instance or a stream: one request and its response, multiplexed with all others of the
 * connection. Body bytes travel against credit, so that neither side buffers more than a window for each
 * stream. Both sides close the connection on a frame that breaks the rules; the scheduler trusts no byte of it.
 */
import type { Socket } from 'node:net'
import { encodeText } from './records.ts'

/** Raised with every incompatible change; both sides must name the same one. */
export const PROTOCOL_VERSION = 2

/** The longest payload. Bundles and bodies are cut into pieces below it. */
export const PAYLOAD_BYTES_MAX = 1 << 20

/** Body bytes that may be under way in one direction of a stream before the receiver grants more. */
export const BODY_WINDOW = 262_144

/** Pieces in which long bodies and bundles are sent. */
export const PIECE_BYTES = 65_536

/** Shorter texts may join the frame before them, as bytes. */
const DIRECT_TEXT_BYTES_MIN = 4096

const HEADER_BYTES = 12

/** Frame types. The comments give the meaning of `id` and the payload. */
export const FRAME = {
  /** Either way, first frame. JSON {protocol, token?, pid?}. */
  hello: 1,

  // scheduler → runtime
  /** Instance. JSON InstanceSpec; `bundle` frames follow. */
  start: 2,
  /** Instance. A piece of the bundle. */
  bundle: 3,
  /** Instance. Ends it now; flags: index in TERMINATIONS. */
  stop: 4,
  /** Instance. u16 count, count × u32 (stream id, HAS_BODY bit), then the heads as latin1 text, joined by NUL. */
  requests: 5,
  /** Stream. The client has gone, or a limit was passed. */
  abort: 6,
  /** A heartbeat; id is echoed. */
  ping: 7,
  /** Instance. It gets no more requests; u16: the code with which its WebSockets are to be closed. */
  drain: 8,

  // both
  /** Stream. Body bytes. */
  chunk: 10,
  /** Stream. The body is complete. From the runtime: u32 CPU time in µs. */
  end: 11,
  /** Stream. u32: that many more body bytes may be sent. */
  credit: 12,

  // runtime → scheduler
  /** Instance. JSON StartResult. */
  started: 20,
  /**
   * Stream. u16 status, u16 0, u32 CPU µs, u32 head bytes, head (latin1 `name\nvalue\n…`), body bytes. Flags:
   * RESPONSE_* of sandbox/wire.ts.
   */
  response: 21,
  /** Stream. The request is over, waitUntil included. u8 outcome, u8[3] 0, u32 CPU µs, message (UTF-8). */
  finished: 22,
  /** Instance. JSON EndReport. */
  ended: 23,
  /** Instance. JSON Notice. */
  notice: 24,
  /** JSON RuntimeStats; id as in the ping. */
  pong: 25,
  /** Instance. JSON EndReport. Its isolate cannot be ended: the process must be killed. */
  catastrophe: 26,
  /** Stream. The app has thrown; `finished` follows when waitUntil lets it. Payload as of `finished`. */
  failed: 27,
} as const

/** On a stream id in a `requests` frame: a body follows. Stream ids never use this bit. */
export const HAS_BODY = 0x8000_0000

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

type FrameHandler = (type: number, flags: number, id: number, payload: Buffer) => void

/**
 * Cuts a byte stream into frames. The payload handed out is a view, valid only during the call. A frame of body bytes
 * is handed out as it arrives, piece by piece, as if it were several; any other when it is whole.
 * Throws ProtocolError on a frame that cannot be.
 */
export class FrameReader {
  readonly #handle: FrameHandler
  /** A frame that has not arrived whole. */
  #partial: Buffer | null = null
  #have = 0
  /** How many bytes are still to come of a body frame, and what it is. */
  #left = 0
  #flags = 0
  #id = 0

  constructor(handle: FrameHandler) {
    this.#handle = handle
  }

  push(bytes: Buffer): void {
    // Whoever gets the bytes of a body may give their memory away: then they have no length any more.
    const { length } = bytes
    let offset = 0
    if (this.#partial) {
      offset = this.#complete(bytes)
      if (this.#partial) return
    } else if (this.#left > 0) offset = this.#goOn(bytes)
    while (length - offset >= HEADER_BYTES) {
      const end = offset + 4 + frameSize(bytes, offset)
      if (end > length) break
      this.#emit(bytes, offset, end)
      offset = end
    }
    if (offset === length) return
    if (length - offset >= HEADER_BYTES && bytes[offset + 4] === FRAME.chunk) this.#begin(bytes, offset)
    else this.#keep(bytes, offset)
  }

  /** Hands out what there is of a body frame. */
  #begin(bytes: Buffer, offset: number): void {
    const from = offset + HEADER_BYTES
    this.#flags = bytes[offset + 5]!
    this.#id = bytes.readUInt32LE(offset + 8)
    this.#left = offset + 4 + frameSize(bytes, offset) - bytes.length
    if (from < bytes.length) this.#handle(FRAME.chunk, this.#flags, this.#id, bytes.subarray(from))
  }

  /** Hands out more of it, and tells how many bytes that took. */
  #goOn(bytes: Buffer): number {
    const taken = Math.min(this.#left, bytes.length)
    this.#left -= taken
    this.#handle(
      FRAME.chunk,
      this.#flags,
      this.#id,
      taken === bytes.length ? bytes : bytes.subarray(0, taken),
    )
    return taken
  }

  #emit(bytes: Buffer, offset: number, end: number): void {
    this.#handle(
      bytes[offset + 4]!,
      bytes[offset + 5]!,
      bytes.readUInt32LE(offset + 8),
      bytes.subarray(offset + HEADER_BYTES, end),
    )
  }

  #keep(bytes: Buffer, offset: number): void {
    const rest = bytes.length - offset
    const size = rest >= HEADER_BYTES ? 4 + frameSize(bytes, offset) : HEADER_BYTES
    this.#partial = Buffer.allocUnsafeSlow(size)
    this.#have = bytes.copy(this.#partial, 0, offset)
  }

  /** Adds to the partial frame, emits it when it is whole, and tells how many bytes it took. */
  #complete(bytes: Buffer): number {
    let partial = this.#partial!
    let taken = bytes.copy(partial, this.#have)
    this.#have += taken
    if (this.#have < partial.length) return taken
    const size = 4 + frameSize(partial, 0)
    if (size > partial.length) {
      const grown = Buffer.allocUnsafeSlow(size)
      partial.copy(grown)
      this.#partial = partial = grown
      const more = bytes.copy(partial, this.#have, taken)
      this.#have += more
      taken += more
      if (this.#have < size) return taken
    }
    this.#partial = null
    this.#emit(partial, 0, size)
    return taken
  }
}

function frameSize(bytes: Buffer, offset: number): number {
  const size = bytes.readUInt32LE(offset)
  if (size < HEADER_BYTES - 4 || size > PAYLOAD_BYTES_MAX + HEADER_BYTES - 4) {
    throw new ProtocolError(`frame of ${size} bytes`)
  }
  return size
}

const SLAB_BYTES = 262_144
/** Slabs that are kept for further use; a peer that reads slowly may have more to itself. */
const FREE_SLABS_MAX = 16

/**
 * What may wait for a peer that does not read: more than all windows and heads of a busy connection together. Beyond
 * it the connection is given up, for the peer is stuck or wants the memory of this side.
 */
const BACKLOG_BYTES_MAX = 256 * 2 ** 20

export interface FrameWriterOptions {
  /** Decides between flushing in a microtask and after the turn. */
  isBusy: () => boolean
  /** May add frames. */
  beforeFlush?: () => void
  /** With more than this unread by the peer, the socket is destroyed. Default: 256 MiB. */
  backlogBytesMax?: number
}

/** As `target.set` does; that one is ten times slower where the source is shared memory. */
export function copyBytes(source: Uint8Array, target: Buffer, at: number): void {
  Buffer.prototype.copy.call(source, target, at)
}

/**
 * Gathers frames and writes them to a socket together: at once when the connection is quiet, at the end of
 * the event loop's turn when it is busy, so that batches grow with load and a lone request waits for nothing.
 */
export class FrameWriter {
  readonly #socket: Socket
  readonly #isBusy: () => boolean
  readonly #beforeFlush: () => void
  readonly #backlogBytesMax: number
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
  #used = 0
  readonly #free: Buffer<ArrayBuffer>[] = []
  /** Slabs that the socket has not written whole, and the count of all bytes at which each will have been. */
  readonly #underWay: { slab: Buffer<ArrayBuffer>; until: number }[] = []
  /** Bytes given to the socket so far. */
  #given = 0
  /** Where the frame written last begins, while it can still grow; -1: there is none. */
  #last = -1
  #scheduled = false
  /** For the socket. */
  #waits = false

  constructor(
    socket: Socket,
    { isBusy, beforeFlush = () => {}, backlogBytesMax = BACKLOG_BYTES_MAX }: FrameWriterOptions,
  ) {
    this.#socket = socket
    this.#backlogBytesMax = backlogBytesMax
    this.#isBusy = isBusy
    this.#beforeFlush = beforeFlush
  }

  /** Adds a frame and returns its payload to be filled in at once; `size` bytes. */
  frame(type: number, flags: number, id: number, size: number): Buffer {
    const total = HEADER_BYTES + size
    if (this.#used + total > this.#slab.length) this.#makeRoom(total)
    const slab = this.#slab
    const at = this.#used
    this.#last = at
    slab.writeUInt32LE(total - 4, at)
    slab[at + 4] = type
    slab[at + 5] = flags
    slab[at + 6] = 0
    slab[at + 7] = 0
    slab.writeUInt32LE(id, at + 8)
    this.#used = at + total
    this.schedule()
    return slab.subarray(at + HEADER_BYTES, this.#used)
  }

  /**
   * Adds a copy of these bytes as frames of the type: several if they are long, and no further one if they fit into
   * the one before, so that a body of tiny pieces costs its reader no more than another.
   */
  bytes(type: number, id: number, bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
      const piece = bytes.subarray(from, from + PIECE_BYTES)
      if (!this.#extend(type, id, piece)) copyBytes(piece, this.frame(type, 0, id, piece.length), 0)
    }
  }

  /** As `bytes`, of a text's UTF-8 of `size` bytes. ASCII needs no memory between. */
  text(type: number, id: number, text: string, size: number): void {
    if (size !== text.length || size < DIRECT_TEXT_BYTES_MIN) return this.bytes(type, id, encodeText(text))
    for (let from = 0; from < size; from += PIECE_BYTES) {
      const piece = text.slice(from, from + PIECE_BYTES)
      this.frame(type, 0, id, piece.length).latin1Write(piece, 0, piece.length)
    }
  }

  #extend(type: number, id: number, piece: Uint8Array): boolean {
    const slab = this.#slab
    const at = this.#last
    if (at < 0 || slab[at + 4] !== type || slab.readUInt32LE(at + 8) !== id) return false
    const end = this.#used + piece.length
    if (end > slab.length || end - at > HEADER_BYTES + PIECE_BYTES) return false
    copyBytes(piece, slab, this.#used)
    slab.writeUInt32LE(end - at - 4, at)
    this.#used = end
    return true
  }

  json(type: number, flags: number, id: number, value: unknown): void {
    const text = JSON.stringify(value)
    const size = Buffer.byteLength(text)
    if (size > PAYLOAD_BYTES_MAX) throw new ProtocolError(`${size} bytes of JSON in a frame of type ${type}`)
    this.frame(type, flags, id, size).utf8Write(text)
  }

  credit(id: number, bytes: number): void {
    this.frame(FRAME.credit, 0, id, 4).writeUInt32LE(bytes, 0)
  }

  /** Sees to it that what was added is written soon. */
  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    if (this.#isBusy()) setImmediate(this.#flush)
    else queueMicrotask(this.#flush)
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    // What it has not taken yet goes first anyway: until then more may gather, in the same slab.
    this.#waits = this.#socket.writableLength > 0
    if (this.#waits) return
    this.#beforeFlush()
    this.#write()
  }

  readonly #onWritten = (): void => {
    if (this.#waits && !this.#scheduled) this.#flush()
  }

  #write(): void {
    this.#last = -1
    if (this.#used === 0 || this.#socket.destroyed) {
      this.#used = 0
      return
    }
    this.#socket.write(this.#slab.subarray(0, this.#used), this.#onWritten)
    this.#given += this.#used
    this.#used = 0
    const { writableLength } = this.#socket
    if (writableLength > this.#backlogBytesMax) {
      this.#socket.destroy(new ProtocolError(`the peer has left ${writableLength} bytes unread`))
    }
    // The kernel mostly takes it all at once; only then may the slab be used again.
    if (writableLength !== 0) this.#underWay.push({ slab: this.#slab, until: this.#given })
    this.#reclaim(this.#given - writableLength)
    if (writableLength !== 0 || this.#slab.length !== SLAB_BYTES) {
      this.#slab = this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES)
    }
  }

  /** `written`: of all bytes given to the socket, in order. */
  #reclaim(written: number): void {
    while (this.#underWay.length > 0 && this.#underWay[0]!.until <= written) {
      const { slab } = this.#underWay.shift()!
      if (slab.length === SLAB_BYTES && this.#free.length < FREE_SLABS_MAX) this.#free.push(slab)
    }
  }

  #makeRoom(total: number): void {
    this.#write()
    if (total > this.#slab.length) this.#slab = Buffer.allocUnsafeSlow(total)
  }
}
