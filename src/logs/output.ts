/**
 * Where log lines leave: one bounded, asynchronous writer of a file descriptor, for pino's lines and those built
 * by hand.
 *
 * A slow or stuck reader never holds the event loop, a thread or the end of the process: lines wait in memory up
 * to a bound, and beyond it they are dropped and counted (`logDropChannel`). It is not pino's own destination,
 * because that one writes pipes from the thread pool, which a stuck reader blocks, and hangs at exit when the
 * reader of a pipe has gone.
 */
import { createWriteStream, fstatSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { type LogDropReason, logDropChannel } from '../channels.ts'

/**
 * Lines that come within this time leave together, or earlier if they are that much: a write for each would cost
 * a lone request more than serving it does.
 */
const BATCH_MS = 20
const BATCH_CHARS = 32_768
const BATCHES_PER_WRITE = 32
/** Memory that batches are encoded into, again and again: as garbage it would be kept until V8 collects all. */
const SLAB_BYTES = 3 * (BATCH_CHARS + 8192)
const SLABS_MAX = 4
/** How long `dispose` waits for a reader that takes nothing. */
const STUCK_MS = 2000
/** In what steps lines that still wait at the process' end are offered to a full pipe: until its reader is stuck. */
const EXIT_STEP_MS = 5

export interface OutputOptions {
  /** File descriptor. */
  fd: number
  /** Bytes that may wait; more are dropped. */
  bufferBytesMax: number
  /** Turns a JSON line into what a person reads. Default: as it is. */
  format?: (line: string) => string
}

export class LogOutput implements AsyncDisposable {
  readonly #options: OutputOptions
  #stream: Writable
  /** Lines of the last moment. */
  #batch = ''
  #scheduled = false
  /** Batches that wait, and the bytes of them and of the one that the stream has in hand. */
  readonly #waiting: Buffer[] = []
  /** Those that are free, and how many there are. */
  readonly #slabs: Buffer[] = []
  #slabsMade = 0
  #waitingBytes = 0
  #writing = false
  /** The reader has gone for good. */
  #broken = false
  #onIdle: (() => void) | undefined

  private constructor(options: OutputOptions) {
    this.#options = options
    this.#stream = this.#openStream()
  }

  static open(options: OutputOptions): LogOutput {
    const output = new LogOutput(options)
    process.on('exit', output.#onExit)
    return output
  }

  /** Pipes and sockets are polled; files and terminals, which a reader cannot block, are the thread pool's. */
  #openStream(): Writable {
    const { fd } = this.#options
    const kind = fstatSync(fd)
    const polled = kind.isFIFO() || kind.isSocket()
    const stream = polled
      ? new Socket({ fd, readable: false, writable: true })
      : createWriteStream('', { fd, autoClose: false })
    return stream.on('error', error => this.#onError(error))
  }

  /** Writes one line of JSON that ends in a line feed. */
  write(line: string): void {
    this.#batch += this.#options.format ? this.#options.format(line) : line
    if (this.#batch.length >= BATCH_CHARS) this.#flush()
    else if (!this.#scheduled) {
      this.#scheduled = true
      setTimeout(this.#onTime, BATCH_MS).unref()
    }
  }

  readonly #onTime = (): void => {
    this.#scheduled = false
    this.#flush()
  }

  #flush(): void {
    if (this.#batch === '') return
    const bytes = this.#encode(this.#batch)
    this.#batch = ''
    if (this.#broken) return this.#drop('output_failed', bytes)
    if (this.#waitingBytes + bytes.length > this.#options.bufferBytesMax)
      return this.#drop('buffer_full', bytes)
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (!this.#writing) this.#writeNext()
  }

  #writeNext(): void {
    this.#writing = this.#waiting.length > 0
    if (!this.#writing) {
      this.#onIdle?.()
      return
    }
    const bytes = this.#nextBytes()
    const { length } = bytes
    this.#stream.write(bytes, error => {
      this.#waitingBytes -= length
      if (error) return this.#drop('output_failed', bytes)
      this.#free(bytes)
      this.#writeNext()
    })
  }

  #nextBytes(): Buffer {
    if (this.#waiting.length === 1) return this.#waiting.pop()!
    const batches = this.#waiting.splice(0, BATCHES_PER_WRITE)
    const bytes = Buffer.concat(batches)
    for (const batch of batches) this.#free(batch)
    return bytes
  }

  /** UTF-8, in a slab if one is free and has room for it. What waits for a slow reader takes no more than it must. */
  #encode(text: string): Buffer {
    const slab = 3 * text.length > SLAB_BYTES ? null : this.#takeSlab()
    return slab === null ? Buffer.from(text) : slab.subarray(0, slab.utf8Write(text))
  }

  #takeSlab(): Buffer | null {
    const slab = this.#slabs.pop()
    if (slab || this.#slabsMade === SLABS_MAX) return slab ?? null
    this.#slabsMade++
    return Buffer.allocUnsafeSlow(SLAB_BYTES)
  }

  #free({ buffer }: Buffer): void {
    if (buffer.byteLength === SLAB_BYTES) this.#slabs.push(Buffer.from(buffer))
  }

  #drop(reason: LogDropReason, lines: Buffer): void {
    dropped(reason, lines)
    this.#free(lines)
  }

  /** A failed stream is of no more use. A full disk may have room again: another stream goes on. */
  #onError(error: NodeJS.ErrnoException): void {
    this.#broken = error.code === 'EPIPE' || error.code === 'EBADF'
    this.#writing = false
    if (this.#broken) {
      for (const bytes of this.#waiting.splice(0)) this.#drop('output_failed', bytes)
      this.#waitingBytes = 0
      this.#onIdle?.()
      return
    }
    this.#stream = this.#openStream()
    this.#writeNext()
  }

  /** Writes what waits when the process exits of a sudden. */
  readonly #onExit = (): void => {
    if (this.#broken) return
    // The lines of the last moment may say why it exits: no bound drops them, and no stream takes them to the grave.
    const last = Buffer.from(this.#batch)
    this.#batch = ''
    // What the stream has in hand may end within a line.
    const isMore = this.#waiting.length > 0 || last.length > 0
    const rest = Buffer.concat([Buffer.from(this.#writing && isMore ? '\n' : ''), ...this.#waiting, last])
    const sleep = new Int32Array(new SharedArrayBuffer(4))
    const giveUpAt = performance.now() + STUCK_MS
    for (let written = 0; written < rest.length && performance.now() < giveUpAt; ) {
      try {
        written += writeSync(this.#options.fd, rest, written)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
        Atomics.wait(sleep, 0, 0, EXIT_STEP_MS)
      }
    }
  }

  /** Writes what waits and ends. The descriptor stays open, unless its reader is stuck. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#flush()
    if (this.#writing) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#onIdle = resolve
      const timer = setTimeout(resolve, STUCK_MS)
      await promise
      clearTimeout(timer)
    }
    process.off('exit', this.#onExit)
    // A write that never ends would keep the process.
    if (this.#writing) this.#stream.destroy()
  }
}

function dropped(reason: LogDropReason, lines: Buffer): void {
  let count = 0
  for (let at = lines.indexOf(10); at >= 0; at = lines.indexOf(10, at + 1)) count++
  logDropChannel.publish({ reason, count })
}
