/**
 * What servers send is parsed on the thread that carries everybody's requests, and a server may be its app's accomplice:
 * 64 kB of chunks of one byte take 15 ms, and undici reads all that a socket has in one go. So it is given as much as
 * takes a moment, when it is the app's turn, and the request pays for what takes longer than its bytes explain.
 */
import type { Socket } from 'node:net'
import { FairTurns, type Step } from '../fair-turns.ts'

/** A piece that takes longer is followed by a shorter one. */
const PIECE_MS = 1
const PIECE_BYTES_MAX = 65_536
const PIECE_BYTES_MIN = 1024

/** So much of a piece is nobody's, in ms: no honest one takes longer. */
const FREE_MS = 0.25

/** How long the next piece of an app's may be; with others it is the longest. */
type Pieces = Map<string, number>

export class FairReads {
  readonly #turns = new FairTurns()
  readonly #pieces: Pieces = new Map()

  /** From now on whoever reads the socket has it in pieces. `charge` is told what the app has to pay, in ns. */
  attach(socket: Socket, app: string, charge: (ns: number) => void): PiecewiseReads {
    return new PiecewiseReads(socket, { app, charge, turns: this.#turns, pieces: this.#pieces })
  }
}

interface Owner {
  app: string
  charge: (ns: number) => void
  turns: FairTurns
  pieces: Pieces
}

/** Stands between a socket and the one who is to read it: in the way of `read`, and of the listener for `readable`. */
export class PiecewiseReads implements Step {
  readonly #socket: Socket
  readonly #owner: Owner
  readonly #read: Socket['read']
  #listener: (() => void) | null = null
  /** What the step under way may read, and what it has read. */
  #granted = 0
  #taken = 0
  #waits = false

  constructor(socket: Socket, owner: Owner) {
    this.#socket = socket
    this.#owner = owner
    this.#read = socket.read
    const { on } = socket
    socket.read = () => this.#next()
    socket.on = (event: string, listener: Parameters<Socket['on']>[1]) => {
      if (event !== 'readable') return on.call(socket, event, listener)
      socket.on = on
      this.#listener = listener as () => void
      return on.call(socket, event, this.#onReadable)
    }
  }

  /** The socket is as it was, without the listener. */
  detach(): void {
    this.#socket.read = this.#read
    this.#socket.off('readable', this.#onReadable)
    this.#listener = null
  }

  run(): void {
    this.#waits = false
    this.#granted = this.#owner.pieces.get(this.#owner.app) ?? PIECE_BYTES_MAX
    this.#taken = 0
    if (!this.#socket.destroyed) this.#listener?.call(this.#socket)
    this.#granted = 0
  }

  ran(tookMs: number): void {
    const { app, charge, pieces } = this.#owner
    if (tookMs > FREE_MS) charge((tookMs - FREE_MS) * 1e6)
    if (tookMs > PIECE_MS && this.#taken > 0) {
      pieces.set(app, Math.max(PIECE_BYTES_MIN, Math.floor((this.#taken * PIECE_MS) / tookMs)))
    } else if (pieces.size > 0) this.#lengthen()
  }

  #lengthen(): void {
    const { app, pieces } = this.#owner
    const bytes = 2 * (pieces.get(app) ?? PIECE_BYTES_MAX)
    if (bytes < PIECE_BYTES_MAX) pieces.set(app, bytes)
    else pieces.delete(app)
  }

  #next(): Buffer | null {
    const socket = this.#socket
    // Asks the system for more, or ends it.
    if (socket.readableLength === 0) return this.#read.call(socket)
    if (this.#granted === 0) {
      // Whoever asks is in the middle of something.
      if (!this.#waits) this.#owner.turns.queue(this.#owner.app, this)
      this.#waits = true
      return null
    }
    const bytes = Math.min(this.#granted, socket.readableLength)
    this.#granted = 0
    this.#taken = bytes
    return this.#read.call(socket, bytes)
  }

  readonly #onReadable = (): void => {
    if (this.#waits) return
    this.#waits = true
    this.#owner.turns.take(this.#owner.app, this)
  }
}
