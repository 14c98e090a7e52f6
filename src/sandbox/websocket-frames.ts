/**
 * WebSocket's frames (RFC 6455, section 5), read from pieces of any size and written. Extensions are not spoken.
 */
import { min, typedArraySet } from './primordials.ts'
import { randomBytes } from './random.ts'
import { utf8DecodeRange, utf8Encode } from './utf8.ts'

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

const CONTROL_BYTES_MAX = 125
const HEADER_BYTES_MAX = 14
/** Room that is made for a message ahead of its bytes. */
const ROOM_BYTES = 16_384

const noBytes = new Uint8Array(0)

export interface FrameEvents {
  message(data: string | Uint8Array<ArrayBuffer>): void
  ping(payload: Uint8Array): void
  /** `code` 1005: the peer gave none. */
  close(code: number, reason: string): void
  /** The peer breaks the rules: the connection is to be closed with this code. Nothing follows. */
  failed(code: number, reason: string): void
}

export class FrameReader {
  readonly #events: FrameEvents
  /** A client's frames are masked, a server's are not. */
  readonly #expectsMask: boolean
  readonly #messageBytesMax: number
  readonly #header = new Uint8Array(HEADER_BYTES_MAX)
  #headerBytes = 0
  #headerSize = 2
  #left = 0
  #read = 0
  #inPayload = false
  readonly #control = new Uint8Array(CONTROL_BYTES_MAX)
  /** The message so far, with room to grow: fragments may be many and tiny. */
  #message = noBytes
  #messageBytes = 0
  #messageOpcode = 0
  #over = false

  constructor(events: FrameEvents, options: { expectsMask: boolean; messageBytesMax: number }) {
    this.#events = events
    this.#expectsMask = options.expectsMask
    this.#messageBytesMax = options.messageBytesMax
  }

  push(bytes: Uint8Array<ArrayBuffer>): void {
    let at = 0
    while (!this.#over && at < bytes.length) {
      if (!this.#inPayload) {
        this.#header[this.#headerBytes++] = bytes[at++]!
        if (this.#headerBytes === 2) this.#beginHeader()
        if (this.#headerBytes === this.#headerSize) this.#endHeader()
      } else {
        const size = this.#left < bytes.length - at ? this.#left : bytes.length - at
        this.#take(new Uint8Array(bytes.buffer, bytes.byteOffset + at, size))
        at += size
      }
      if (this.#inPayload && this.#left === 0 && !this.#over) this.#endFrame()
    }
  }

  #beginHeader(): void {
    const first = this.#header[0]!
    const second = this.#header[1]!
    const opcode = first & 0x0f
    const length = second & 0x7f
    const isControl = (opcode & 8) !== 0
    const isMasked = (second & 0x80) !== 0
    this.#headerSize = 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (isMasked ? 4 : 0)
    if ((first & 0x70) !== 0) this.#fail(1002, 'An extension is used that was not agreed on.')
    else if (isMasked !== this.#expectsMask) this.#fail(1002, 'A frame is masked as it must not be.')
    else if (opcode > 10 || (opcode > 2 && opcode < 8)) this.#fail(1002, 'An opcode is unknown.')
    else if (isControl && (length > CONTROL_BYTES_MAX || (first & 0x80) === 0))
      this.#fail(1002, 'A control frame is too long, or in pieces.')
    else if (opcode === OPCODE.continuation && this.#messageOpcode === 0)
      this.#fail(1002, 'A continuation has no beginning.')
    else if (!isControl && opcode !== OPCODE.continuation && this.#messageOpcode !== 0)
      this.#fail(1002, 'A message begins inside of another.')
  }

  #endHeader(): void {
    const header = this.#header
    let length = header[1]! & 0x7f
    if (length === 126) length = header[2]! * 256 + header[3]!
    else if (length === 127) {
      length = 0
      for (let i = 2; i < 10; i++) length = length * 256 + header[i]!
    }
    const isControl = (header[0]! & 8) !== 0
    if (!isControl && this.#messageBytes + length > this.#messageBytesMax) {
      return this.#fail(1009, `A message may have ${this.#messageBytesMax} bytes.`)
    }
    this.#left = length
    this.#read = 0
    this.#inPayload = true
    if (!isControl) this.#makeRoom()
  }

  /** As much as has been announced, but never far beyond what has come. */
  #makeRoom(): void {
    const needed = min(this.#messageBytes + this.#left, this.#messageBytes + ROOM_BYTES)
    if (needed <= this.#message.length) return
    const grown = new Uint8Array(min(this.#messageBytesMax, 2 * needed))
    typedArraySet(grown, new Uint8Array(this.#message.buffer, 0, this.#messageBytes))
    this.#message = grown
  }

  #take(piece: Uint8Array): void {
    const header = this.#header
    const isControl = (header[0]! & 8) !== 0
    const maskAt = this.#headerSize - 4
    for (let i = 0; i < piece.length; i++) {
      const byte = this.#expectsMask ? piece[i]! ^ header[maskAt + (this.#read & 3)]! : piece[i]!
      if (isControl) this.#control[this.#read] = byte
      else {
        if (this.#messageBytes === this.#message.length) this.#makeRoom()
        this.#message[this.#messageBytes++] = byte
      }
      this.#read++
      this.#left--
    }
  }

  #endFrame(): void {
    const first = this.#header[0]!
    const opcode = first & 0x0f
    this.#inPayload = false
    this.#headerBytes = 0
    this.#headerSize = 2
    if (opcode >= 8) return this.#onControl(opcode, copy(this.#control, this.#read))
    if (opcode !== OPCODE.continuation) this.#messageOpcode = opcode
    if ((first & 0x80) === 0) return
    const bytes = copy(this.#message, this.#messageBytes)
    const isText = this.#messageOpcode === OPCODE.text
    this.#messageBytes = 0
    this.#messageOpcode = 0
    if (this.#message.length > ROOM_BYTES) this.#message = noBytes
    if (!isText) return this.#events.message(bytes)
    const text = decode(bytes, 0)
    if (text === null) this.#fail(1007, 'A text is no UTF-8.')
    else this.#events.message(text)
  }

  #onControl(opcode: number, payload: Uint8Array<ArrayBuffer>): void {
    if (opcode === OPCODE.ping) return this.#events.ping(payload)
    if (opcode === OPCODE.pong) return
    this.#over = true
    if (payload.length === 0) return this.#events.close(1005, '')
    const code = payload.length === 1 ? 0 : payload[0]! * 256 + payload[1]!
    const reason = decode(payload, 2)
    if (!isSendableCode(code)) this.#events.failed(1002, 'A close code is invalid.')
    else if (reason === null) this.#events.failed(1007, 'A close reason is no UTF-8.')
    else this.#events.close(code, reason)
  }

  #fail(code: number, reason: string): void {
    if (this.#over) return
    this.#over = true
    this.#events.failed(code, reason)
  }
}

function copy(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Uint8Array(bytes.buffer, 0, length))
}

function decode(bytes: Uint8Array, start: number): string | null {
  try {
    return utf8DecodeRange(bytes, start, bytes.length, true)
  } catch {
    return null
  }
}

/** Whether the code may stand in a close frame (RFC 6455, 7.4). */
export function isSendableCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
    (code >= 3000 && code <= 4999)
  )
}

export function frame(opcode: number, payload: Uint8Array, masked: boolean): Uint8Array<ArrayBuffer> {
  const length = payload.length
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const start = 2 + extended + (masked ? 4 : 0)
  const bytes = new Uint8Array(start + length)
  bytes[0] = 0x80 | opcode
  bytes[1] = (masked ? 0x80 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127)
  for (let i = 0, rest = length; i < extended; i++, rest = (rest - (rest % 256)) / 256)
    bytes[1 + extended - i] = rest % 256
  typedArraySet(bytes, payload, start)
  if (masked) {
    randomBytes(bytes, start - 4, 4)
    for (let i = 0; i < length; i++) bytes[start + i]! ^= bytes[start - 4 + (i & 3)]!
  }
  return bytes
}

export function closeFrame(code: number, reason: string, masked: boolean): Uint8Array<ArrayBuffer> {
  if (code === 1005) return frame(OPCODE.close, new Uint8Array(0), masked)
  const text = utf8Encode(reason)
  const payload = new Uint8Array(2 + text.length)
  payload[0] = code >> 8
  payload[1] = code & 0xff
  typedArraySet(payload, text, 2)
  return frame(OPCODE.close, payload, masked)
}
