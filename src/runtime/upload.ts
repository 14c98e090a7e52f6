/** A subrequest's body on its way from the isolate to whoever sends it. */
import type { Producer, Sink } from './bodies.ts'
import { copyBytes } from './frame-writer.ts'
import { Violation } from './records.ts'

/** Shorter bodies are joined when they are complete: that takes less than a millisecond. */
const JOINED_BYTES_MAX = 2 ** 20
/** The memory that a longer one has before it has all that it may need: who says that much will come sends some first. */
const FIRST_BYTES = 2 ** 24

export class Upload implements Sink, AsyncIterable<Buffer> {
  readonly #producer: Producer
  readonly #account: (deltaBytes: number) => void
  readonly #abort: () => void
  readonly #chunks: Buffer[] = []
  #ended = false
  #failure: Error | null = null
  #wake: (() => void) | null = null
  #collecting = false
  /** How long a body is at most that is to be whole. */
  #bytesMax = 0
  /** Bytes that lie here: in `#whole`, once there are many that are to be in one piece, else in the chunks. */
  #bytes = 0
  #whole: Buffer | null = null

  constructor(producer: Producer, account: (deltaBytes: number) => void, abort: () => void) {
    this.#producer = producer
    this.#account = account
    this.#abort = abort
  }

  write(bytes: Uint8Array): void {
    this.#account(bytes.length)
    if (this.#collecting) this.#gather(bytes)
    else this.#chunks.push(Buffer.from(bytes))
    this.#bytes += bytes.length
    if (this.#collecting) this.#producer.credit(bytes.length)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  fail(message: string): void {
    this.#failure = new Error(message)
    this.#wake?.()
    this.#abort()
  }

  close(): void {
    if (!this.#ended) this.#producer.cancel()
    this.#failure ??= new Error('The fetch is over.')
    this.#wake?.()
    this.#drop()
  }

  /**
   * All of it in one piece; `bytesMax`: how long it is at most. A long one is gathered where it belongs as it comes: to join
   * 100 MB in the end kept everybody else waiting for 100 ms.
   */
  async whole(bytesMax: number): Promise<Buffer> {
    this.#collecting = true
    this.#bytesMax = bytesMax
    while (!this.#ended) await this.#more()
    if (this.#failure) throw this.#failure
    const all = this.#whole?.subarray(0, this.#bytes) ?? Buffer.concat(this.#chunks)
    this.#drop()
    return all
  }

  #gather(bytes: Uint8Array): void {
    const needed = this.#bytes + bytes.length
    if (needed > this.#bytesMax) throw new Violation('a body longer than it was said to be')
    if (needed <= JOINED_BYTES_MAX) {
      this.#chunks.push(Buffer.from(bytes))
      return
    }
    if (this.#whole === null || needed > this.#whole.length) this.#makeRoom(needed)
    copyBytes(bytes, this.#whole!, this.#bytes)
  }

  #makeRoom(bytes: number): void {
    const size = bytes <= FIRST_BYTES ? Math.min(FIRST_BYTES, this.#bytesMax) : this.#bytesMax
    const whole = Buffer.allocUnsafeSlow(size)
    let at = this.#whole?.copy(whole) ?? 0
    for (const chunk of this.#chunks.splice(0)) at += chunk.copy(whole, at)
    this.#whole = whole
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#failure) throw this.#failure
      const chunk = this.#chunks.shift()
      if (chunk) {
        this.#bytes -= chunk.length
        this.#account(-chunk.length)
        yield chunk
        this.#producer.credit(chunk.length)
      } else if (this.#ended) {
        return
      } else {
        await this.#more()
      }
    }
  }

  #more(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise(resolve => {
      this.#wake = () => {
        this.#wake = null
        resolve()
      }
    })
  }

  #drop(): void {
    this.#chunks.length = 0
    this.#whole = null
    this.#account(-this.#bytes)
    this.#bytes = 0
  }
}
