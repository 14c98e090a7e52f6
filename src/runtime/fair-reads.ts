/**
 * What servers send is parsed on the thread that carries everybody's requests, and a server may be its app's accomplice:
 * 64 kB of chunks of one byte take 15 ms, and undici reads all that a socket has in one go. So it is given as much as
 * takes a moment, when it is the app's turn, and the request pays for what takes longer than its bytes explain.
 */
import type { Socket } from 'node:net'
import { FairTurns, type Step, threadCpuMs } from '../fair-turns.ts'
import { boundFields } from './undici.ts'

/** A piece that takes longer is followed by a shorter one; a socket's first is short, too, and the next twice as long. */
const PIECE_MS = 0.5
const PIECE_BYTES_MAX = 65_536
const PIECE_BYTES_FIRST = 8192
const PIECE_BYTES_MIN = 1024

/** So much CPU time of a piece is nobody's, in ms: no honest one takes longer. */
const FREE_MS = 0.25

/** An app whose piece took longer than that waits for so many times as long: the thread is not for parsing. */
const PAUSE_FACTOR = 20

/** Whose pieces take long is kept for so many apps, and until so many of an app's in a row have not. */
const SLOW_MAX = 1000
const QUICK_MAX = 32

/** An app whose pieces take long. CPU time is read for these only. */
interface SlowApp {
  /** How long its next piece may be. */
  bytes: number
  /** Its last so many pieces took no time worth mentioning. */
  quick: number
}

type Slow = Map<string, SlowApp>

export class FairReads {
  readonly #turns = new FairTurns({ pause: { afterMs: FREE_MS, factor: PAUSE_FACTOR } })
  readonly #slow: Slow = new Map()

  /** From now on whoever reads the socket has it in pieces. */
  attach(socket: Socket, reader: Reader): PiecewiseReads {
    return new PiecewiseReads(socket, { ...reader, turns: this.#turns, slow: this.#slow })
  }
}

const NS_PER_MS = 1e6

/** On whose behalf a socket is read. */
export interface Reader {
  app: string
  /** Is told what the request has to pay, in ns. */
  charge(ns: number): void
  /** Is told for how long the app has to wait, in ns, who would read on if it could. */
  waits(ns: number): void
  /** A piece has been read. */
  ran(): void
}

interface Owner extends Reader {
  turns: FairTurns
  slow: Slow
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
  /** How long this socket's next piece may be, whatever its app's may. */
  #bytes = PIECE_BYTES_FIRST
  /** Of this thread, when the step began; null: not read. */
  #cpuMs: number | null = null

  constructor(socket: Socket, owner: Owner) {
    this.#socket = socket
    this.#owner = owner
    this.#read = socket.read
    const { on } = socket
    socket.read = () => this.#next()
    socket.on = (event: string, listener: Parameters<Socket['on']>[1]) => {
      if (event !== 'readable') return on.call(socket, event, listener)
      socket.on = on
      boundFields(socket)
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
    const known = this.#owner.slow.get(this.#owner.app)
    this.#granted = Math.min(this.#bytes, known?.bytes ?? PIECE_BYTES_MAX)
    if (this.#bytes < PIECE_BYTES_MAX) this.#bytes *= 2
    this.#taken = 0
    this.#cpuMs = known === undefined ? null : threadCpuMs()
    if (!this.#socket.destroyed) this.#listener?.call(this.#socket)
    this.#granted = 0
  }

  ran(tookMs: number): number {
    // Who waits for a core does not pay for that: the first slow piece is only noted.
    const usedMs = this.#cpuMs === null ? tookMs : threadCpuMs() - this.#cpuMs
    if (usedMs > FREE_MS && this.#cpuMs !== null) {
      this.#owner.charge((usedMs - FREE_MS) * NS_PER_MS)
      this.#owner.waits(usedMs * PAUSE_FACTOR * NS_PER_MS)
    }
    this.#note(usedMs)
    this.#owner.ran()
    return this.#cpuMs === null ? 0 : usedMs
  }

  #note(usedMs: number): void {
    const { app, slow } = this.#owner
    const isQuick = usedMs <= FREE_MS
    let known = slow.get(app)
    if (!known) {
      if (isQuick) return
      if (slow.size >= SLOW_MAX) slow.clear()
      known = { bytes: PIECE_BYTES_MAX, quick: 0 }
      slow.set(app, known)
    }
    known.quick = isQuick ? known.quick + 1 : 0
    if (usedMs > PIECE_MS && this.#taken > 0) {
      known.bytes = Math.max(PIECE_BYTES_MIN, Math.floor((this.#taken * PIECE_MS) / usedMs))
    } else known.bytes = Math.min(2 * known.bytes, PIECE_BYTES_MAX)
    if (known.quick >= QUICK_MAX) slow.delete(app)
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
