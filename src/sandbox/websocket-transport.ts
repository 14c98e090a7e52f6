/**
 * A WebSocket's way to its peer over the network: frames in and out of a pair of bodies, which carry them as they
 * carry any bytes, against credit. What is parsed here costs the app whose peer sent it, and nobody else.
 */
import { host } from './current-host.ts'
import type { BodySource } from './host.ts'
import { apply, getOwnPropertyDescriptor, promiseThen } from './primordials.ts'
import { ReadableStream, ReadableStreamDefaultController } from './streams.ts'
import { utf8Encode } from './utf8.ts'
import { closeFrame, FrameReader, frame, isSendableCode, OPCODE } from './websocket-frames.ts'

/** One direction between a WebSocket and its peer. */
export interface Link {
  message(data: string | Uint8Array<ArrayBuffer>): void
  /** `wasClean`: the peer said so itself. Nothing follows. */
  close(code: number, reason: string, wasClean: boolean): void
}

/** Bytes that wait for a peer that does not read; with more the connection is given up. */
const BUFFERED_BYTES_MAX = 4 * 2 ** 20
/** How long a peer may take to answer a close frame. */
const CLOSE_MS_MAX = 5000

const { enqueue, close: closeStream } = ReadableStreamDefaultController.prototype
const desiredSize = getOwnPropertyDescriptor(ReadableStreamDefaultController.prototype, 'desiredSize')!.get!

export class Transport implements Link {
  /** What is to be sent: the body of a response or of a request. */
  readonly source: BodySource
  readonly #isClient: boolean
  readonly #target: Link
  readonly #reader: FrameReader
  /** Called once when nothing comes or goes any more. */
  onEnd: () => void = () => {}
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #sentClose = false
  #heardClose = false
  #ended = false

  /** `target` hears what the peer sends. */
  constructor(target: Link, { isClient, messageBytesMax }: { isClient: boolean; messageBytesMax: number }) {
    this.#target = target
    this.#isClient = isClient
    const stream = new ReadableStream<Uint8Array>(
      {
        start: controller => {
          this.#controller = controller
        },
        cancel: () => this.#lost(),
      },
      { highWaterMark: 0, size: chunk => chunk!.length },
    )
    this.source = { kind: 'stream', stream }
    this.#reader = new FrameReader(
      {
        message: data => target.message(data),
        ping: payload => this.#send(OPCODE.pong, payload),
        close: (code, reason) => this.#onClose(code, reason),
        failed: (code, reason) => this.#fail(code, reason),
      },
      { expectsMask: !isClient, messageBytesMax },
    )
  }

  /** Reads what the peer sends, from the body with this id, until it ends. */
  receive(id: number): void {
    promiseThen(
      host.pull(id),
      bytes => {
        if (this.#ended) return
        if (bytes === undefined) return this.#lost()
        this.#reader.push(bytes as Uint8Array<ArrayBuffer>)
        if (!this.#ended) this.receive(id)
      },
      () => this.#lost(),
    )
  }

  message(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.#sentClose) return
    if (typeof data === 'string') this.#send(OPCODE.text, utf8Encode(data))
    else this.#send(OPCODE.binary, data)
  }

  close(code: number, reason: string): void {
    if (this.#sentClose || this.#ended) return
    this.#write(closeFrame(isSendableCode(code) ? code : code === 1005 ? 1005 : 1011, reason, this.#isClient))
    this.#sentClose = true
    if (this.#heardClose) return this.#end()
    host.setTimer(() => this.#lost(), CLOSE_MS_MAX)
  }

  /** The platform has the connection closed: both sides are told. */
  windDown(code: number): void {
    this.#target.close(code, '', true)
    this.close(code, '')
  }

  /** Bytes that have been sent and have not left. */
  get bufferedBytes(): number {
    return this.#ended ? 0 : -((apply(desiredSize, this.#controller, []) as number | null) ?? 0)
  }

  #onClose(code: number, reason: string): void {
    this.#heardClose = true
    this.#target.close(code, reason, true)
    // Whoever was told has answered already, or does not mean to.
    this.close(code, reason)
    this.#end()
  }

  #send(opcode: number, payload: Uint8Array): void {
    if (this.#ended || this.#sentClose) return
    this.#write(frame(opcode, payload, this.#isClient))
    if (this.bufferedBytes > BUFFERED_BYTES_MAX) this.#lost()
  }

  #write(bytes: Uint8Array): void {
    if (!this.#ended) apply(enqueue, this.#controller, [bytes])
  }

  /** The peer breaks the rules. */
  #fail(code: number, reason: string): void {
    if (!this.#sentClose) this.#write(closeFrame(code, reason, this.#isClient))
    this.#sentClose = true
    this.#lost()
  }

  /** There is no peer any more. */
  #lost(): void {
    if (this.#ended) return
    this.#end()
    if (!this.#heardClose) this.#target.close(1006, '', false)
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    try {
      apply(closeStream, this.#controller, [])
    } catch {
      // It was cancelled: nobody reads any more.
    }
    this.onEnd()
  }
}
