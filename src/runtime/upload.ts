/** A subrequest's body on its way from the isolate to whoever sends it. */
import type { Producer, Sink } from './bodies.ts'
import { copyBytes } from './frame-writer.ts'

/** Shorter bodies are joined when they are complete: that takes less than a millisecond. */
const JOINED_BYTES_MAX = 2 ** 20
const EMPTY = Buffer.alloc(0)

export class Upload implements Sink, AsyncIterable<Buffer> {
  readonly #producer: Producer
  readonly #account: (deltaBytes: number) => void
  readonly #abort: () => void
  readonly #chunks: Buffer[] = []
  #ended = false
  #failure: Error | null = null
  #wake: (() => void) | null = null
  #collecting = false
  /** Where the bytes of a body go that is to be whole, as long as there is room. */
  #whole: Buffer | null = null
  #wholeBytes = 0

  constructor(producer: Producer, account: (deltaBytes: number) => void, abort: () => void) {
    this.#producer = producer
    this.#account = account
    this.#abort = abort
  }

  write(bytes: Uint8Array): void {
    this.#account(bytes.length)
    if (this.#whole !== null && this.#wholeBytes + bytes.length <= this.#whole.length) {
      copyBytes(bytes, this.#whole, this.#wholeBytes)
      this.#wholeBytes += bytes.length
    } else {
      this.#chunks.push(Buffer.from(bytes))
    }
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
   * All of it in one piece, of `bytesMax` at most if that is true. A long one is gathered where it belongs as it comes: to
   * join 100 MB in the end kept everybody else waiting for 100 ms.
   */
  async whole(bytesMax: number): Promise<Buffer> {
    this.#collecting = true
    if (bytesMax > JOINED_BYTES_MAX) this.#whole = Buffer.allocUnsafeSlow(bytesMax)
    while (!this.#ended) await this.#more()
    if (this.#failure) throw this.#failure
    const gathered = this.#whole?.subarray(0, this.#wholeBytes)
    const all =
      gathered && this.#chunks.length === 0 ? gathered : Buffer.concat([gathered ?? EMPTY, ...this.#chunks])
    this.#drop()
    return all
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#failure) throw this.#failure
      const chunk = this.#chunks.shift()
      if (chunk) {
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
    for (const chunk of this.#chunks.splice(0)) this.#account(-chunk.length)
    this.#account(-this.#wholeBytes)
    this.#whole = null
    this.#wholeBytes = 0
  }
}
