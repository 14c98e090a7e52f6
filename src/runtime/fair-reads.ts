/**
 * What servers send is parsed on the thread that carries everybody's requests, and a server may be its app's accomplice:
 * 64 kB of chunks of one byte take 15 ms, and undici reads all that a socket has in one go. So it is given as much as
 * takes a moment, when it is the app's turn, and the request pays for what takes longer than its bytes explain.
 */
import type { Socket } from 'node:net'
import { FairTurns } from '../fair-turns.ts'

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

/** Stands in the way of a socket's `read` and its `readable`. */
export class PiecewiseReads {
  readonly #socket: Socket
  readonly #owner: Owner
  readonly #read: Socket['read']
  readonly #emit: Socket['emit']
  /** What the step under way may read, and what it has read. */
  #granted = 0
  #taken = 0
  #waits = false

  constructor(socket: Socket, owner: Owner) {
    this.#socket = socket
    this.#owner = owner
    this.#read = socket.read
    this.#emit = socket.emit
    socket.read = () => this.#next()
    socket.emit = (event: string, ...rest: unknown[]) => {
      if (event !== 'readable') return this.#emit.call(socket, event, ...rest)
      if (this.#waits) return true
      this.#waits = true
      this.#owner.turns.take(this.#owner.app, this.#step)
      return true
    }
  }

  /** The socket is as it was. */
  detach(): void {
    this.#socket.read = this.#read
    this.#socket.emit = this.#emit
    if (this.#waits) this.#emit.call(this.#socket, 'readable')
  }

  #next(): Buffer | null {
    const socket = this.#socket
    // Asks the system for more, or ends it.
    if (socket.readableLength === 0) return this.#read.call(socket)
    if (this.#granted === 0) {
      // Whoever asks is in the middle of something.
      if (!this.#waits) this.#owner.turns.queue(this.#owner.app, this.#step)
      this.#waits = true
      return null
    }
    const bytes = Math.min(this.#granted, socket.readableLength)
    this.#granted = 0
    this.#taken = bytes
    return this.#read.call(socket, bytes)
  }

  readonly #step = (): void => {
    this.#waits = false
    if (this.#socket.destroyed) return
    const { app, charge, pieces } = this.#owner
    const mayBe = pieces.get(app) ?? PIECE_BYTES_MAX
    this.#granted = mayBe
    this.#taken = 0
    const began = performance.now()
    this.#emit.call(this.#socket, 'readable')
    const tookMs = performance.now() - began
    this.#granted = 0
    if (tookMs > FREE_MS) charge((tookMs - FREE_MS) * 1e6)
    if (tookMs > PIECE_MS && this.#taken > 0) {
      pieces.set(app, Math.max(PIECE_BYTES_MIN, Math.floor((this.#taken * PIECE_MS) / tookMs)))
    } else if (mayBe * 2 < PIECE_BYTES_MAX) pieces.set(app, mayBe * 2)
    else pieces.delete(app)
  }
}
