/**
 * Bodies of responses to subrequests. Most are short and come with their heads: a Node stream, which takes longer to
 * make and to end than they take to read, is made only for those that do not.
 */
import { Readable } from 'node:stream'

export interface IncomingBody {
  /** All of it, if it has come already and is no longer than `bytesMax`; there is nothing else to ask for then. */
  takeWhole(bytesMax: number): Buffer | null
  /** The rest, to be read or destroyed. Once. */
  stream(): Readable
  /** Nobody wants it. */
  destroy(): void
}

/** What a connection can do about the body that it carries. */
export interface BodySource {
  resume(): void
  /** Whoever read the body has given it up, perhaps for a reason. */
  abandon(reason: Error | null): void
}

/** Bytes that wait for a reader; then the source is told to pause. */
const WAITING_BYTES_MAX = 65_536

/** Holds at most its high-water mark and what was on its way: a reader that pauses pauses the socket. */
export class ReceivedBody implements IncomingBody {
  readonly #source: BodySource
  #early: Buffer[] = []
  #bytes = 0
  #ended = false
  #failure: Error | null = null
  #stream: Readable | null = null

  constructor(source: BodySource) {
    this.#source = source
  }

  /** Bytes have come. Whether more may. */
  push(chunk: Buffer): boolean {
    if (this.#stream) return this.#stream.push(chunk)
    this.#early.push(chunk)
    this.#bytes += chunk.length
    return this.#bytes < WAITING_BYTES_MAX
  }

  end(): void {
    this.#ended = true
    this.#stream?.push(null)
  }

  fail(error: Error): void {
    this.#failure = error
    this.#early = []
    this.#stream?.destroy(error)
  }

  takeWhole(bytesMax: number): Buffer | null {
    if (!this.#ended || this.#stream || this.#bytes > bytesMax) return null
    return this.#early.length === 1 ? this.#early[0]! : Buffer.concat(this.#early)
  }

  stream(): Readable {
    const source = this.#source
    const stream = new Readable({
      read: () => {
        if (!this.#ended) source.resume()
      },
      destroy: (error, done) => {
        source.abandon(error)
        done(error)
      },
    })
    // A body that nobody reads may fail too, and must not take the process along.
    stream.on('error', () => {})
    this.#stream = stream
    for (const chunk of this.#early) stream.push(chunk)
    this.#early = []
    if (this.#failure) stream.destroy(this.#failure)
    else if (this.#ended) stream.push(null)
    return stream
  }

  destroy(): void {
    if (this.#stream) this.#stream.destroy()
    else this.#source.abandon(null)
  }
}

/** A body that is a stream anyway. */
export function streamed(readable: Readable): IncomingBody {
  return { takeWhole: () => null, stream: () => readable, destroy: () => void readable.destroy() }
}
