/** Gathers frames (protocol.ts), and writes them to a connection together. */
import type { Socket } from 'node:net'
import { FRAME, HEADER_BYTES, PAYLOAD_BYTES_MAX, PIECE_BYTES, ProtocolError } from './protocol.ts'
import { encodeText } from './records.ts'

/** Shorter texts may join the frame before them, as bytes. */
const DIRECT_TEXT_BYTES_MIN = 4096

const SLAB_BYTES = 262_144
/** Slabs that are kept for further use; a peer that reads slowly may have more to itself. */
const FREE_SLABS_MAX = 16

/**
 * With more than this unread by the peer, who has much to send waits. It is more than the kernel takes at once, so that
 * there is always something for it to take.
 */
const FULL_BYTES = 524_288

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

/** A connection, to those who have much to send over it: what the others send lies behind it. */
export interface Room {
  /** So much is on its way that they are to wait. */
  readonly isFull: boolean
  /**
   * Calls back, once, when it is not full any more, however often the same function was given: one of them after the other,
   * as long as it is not.
   */
  whenRoom(callback: () => void): void
}

/** As `target.set` does; that one is ten times slower where the source is shared memory. */
export function copyBytes(source: Uint8Array, target: Buffer, at: number): void {
  Buffer.prototype.copy.call(source, target, at)
}

/**
 * Gathers frames and writes them to a socket together: at once when the connection is quiet, at the end of
 * the event loop's turn when it is busy, so that batches grow with load and a lone request waits for nothing.
 */
export class FrameWriter implements Room {
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
  /** Whoever has much to send. */
  readonly #waiting = new Set<() => void>()

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

  get isFull(): boolean {
    return this.#socket.writableLength + this.#used > FULL_BYTES
  }

  whenRoom(callback: () => void): void {
    this.#waiting.add(callback)
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
    for (const callback of this.#waiting) {
      if (this.isFull) return
      this.#waiting.delete(callback)
      callback()
    }
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
