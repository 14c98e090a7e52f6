/**
 * A request's body on its way from client to instance, in the order it comes and never ahead of the app by more
 * than a window. Until the app takes the first of it, what was sent is kept, so that a request whose instance is
 * gone before it read anything can be sent to another.
 */
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { freeBytes } from '../body-memory.ts'
import { BODY_WINDOW } from '../runtime/protocol.ts'
import type { DispatchedExchange } from '../scheduler/dispatch.ts'
import { SmallPieces } from '../small-pieces.ts'
import { waitTurn } from './read-turns.ts'

/** Pieces below this are copied before they are kept: they pin the buffer that the socket was read into. */
const COPIED_BYTES_MAX = 8192

/** A connection that has brought so many small pieces has taken its turn. */
const SMALL_MAX = 512

export class RequestBody {
  readonly #exchange: DispatchedExchange
  readonly #request: Readable
  readonly #socket: Socket
  readonly #options: { bytesMax: number; onTooLong: () => void }
  #kept: Buffer[] | null = []
  #pending: Buffer | null = null
  /** They leave together, once in a turn of the event loop. */
  readonly #small = new SmallPieces()
  #credit = 0
  #started = false
  /** The client has sent everything. */
  #ended = false
  /** The instance has been told so. */
  #finished = false
  #stopped = false
  /** Received so far. */
  bytes = 0
  /** Since when the client has been waited for, by performance.now(); 0: it is not. */
  waitingSince = 0

  constructor(
    exchange: DispatchedExchange,
    { request, socket }: { request: Readable; socket: Socket },
    options: { bytesMax: number; onTooLong: () => void },
  ) {
    this.#exchange = exchange
    this.#request = request
    this.#socket = socket
    this.#options = options
  }

  get started(): boolean {
    return this.#started
  }

  /** Whether everything that was sent can be sent once more. */
  get intact(): boolean {
    return this.#kept !== null
  }

  /** Sends what there is of the body to the instance that the exchange is linked to now. */
  start(credit: number): void {
    this.#credit = credit
    this.#finished = false
    for (const chunk of this.#kept ?? []) this.#transmit(chunk)
    if (this.#started) return this.#resume()
    this.#started = true
    this.#awaitClient()
    this.#request.on('data', this.#onData)
    this.#request.on('end', this.#onEnd)
  }

  /** The app is at work on the request: from now on it stays where it is. */
  commit(): void {
    const kept = this.#kept
    this.#kept = null
    for (const chunk of kept ?? []) freeBytes(chunk)
  }

  /** The app has taken bytes: as many more may follow. */
  grant(bytes: number): void {
    this.commit()
    // No app has more than a window, whatever its runtime says.
    this.#credit = Math.min(this.#credit + bytes, BODY_WINDOW)
    this.#resume()
  }

  /** The rest is of no interest; it is read and thrown away. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.waitingSince = 0
    this.commit()
    this.#pending = null
    this.#request.off('end', this.#onEnd)
    if (!this.#started) this.#request.on('data', this.#onData)
    this.#request.resume()
  }

  readonly #onData = (chunk: Buffer): void => {
    const kept = this.#small.keep(chunk)
    if (kept === 1) setImmediate(this.#takeSmall)
    if (kept === SMALL_MAX) waitTurn(this.#socket)
    if (kept > 0) return
    this.#takeSmall()
    this.#take(chunk)
  }

  readonly #takeSmall = (): void => {
    const together = this.#small.take()
    if (together) this.#take(together)
  }

  #take(chunk: Buffer): void {
    if (this.#stopped) return
    this.bytes += chunk.length
    if (this.bytes > this.#options.bytesMax) return this.#options.onTooLong()
    this.#awaitClient()
    this.#forward(chunk)
  }

  readonly #onEnd = (): void => {
    this.#takeSmall()
    this.#ended = true
    this.waitingSince = 0
    this.#exchange.dispatch.inputAt = performance.now()
    if (this.#pending === null) this.#finish()
  }

  #awaitClient(): void {
    this.waitingSince = performance.now()
    this.#exchange.dispatch.inputAt = this.waitingSince
  }

  #resume(): void {
    const pending = this.#pending
    this.#pending = null
    if (pending) this.#forward(pending)
    if (this.#pending) return
    if (this.#ended) return this.#finish()
    if (pending) {
      this.#awaitClient()
      this.#request.resume()
    }
  }

  #forward(chunk: Buffer): void {
    if (this.#pending) return this.#hold(chunk)
    // It goes whole or waits: the credit comes back to a window, which is longer than what Node reads at a time.
    if (chunk.length > this.#credit && this.#credit < BODY_WINDOW) return this.#hold(chunk)
    const room = this.#exchange.link?.client.room
    if (room?.isFull) {
      this.#hold(chunk)
      return room.whenRoom(this.#onRoom)
    }
    this.#kept?.push(chunk.length < COPIED_BYTES_MAX ? Buffer.from(chunk) : chunk)
    this.#transmit(chunk)
  }

  #hold(chunk: Buffer): void {
    // Small pieces and what came behind them may wait together.
    this.#pending = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk
    this.waitingSince = 0
    this.#request.pause()
  }

  readonly #onRoom = (): void => this.#resume()

  #transmit(chunk: Buffer): void {
    this.#credit -= chunk.length
    // Which copies it.
    this.#exchange.link?.client.sendBody(this.#exchange, chunk)
    if (this.#kept === null) freeBytes(chunk)
  }

  #finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#exchange.link?.client.endBody(this.#exchange)
  }
}
