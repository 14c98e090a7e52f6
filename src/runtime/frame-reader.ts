/** Cuts what comes over a connection into frames (protocol.ts). */
import { FRAME, HEADER_BYTES, PAYLOAD_BYTES_MAX, ProtocolError } from './protocol.ts'

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
