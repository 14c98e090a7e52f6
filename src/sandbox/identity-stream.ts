/**
 * IdentityTransformStream and FixedLengthStream, as Workers have them: byte streams whose writes last until they
 * are read, so that nothing is ever buffered.
 */
import { abortReason, isAbortSignal, onAbort } from './abort.ts'
import { apply, PromiseConstructor, promiseReject, typedArrayByteLength } from './primordials.ts'
import {
  closeBytes,
  enqueueBytes,
  errorBytes,
  type ReadableByteStreamController,
  ReadableStream,
  TransformStream,
  WritableStream,
  WritableStreamDefaultController,
} from './streams.ts'
import { copyBytes, defineInterface, isBufferSource, Stamp, unsignedLongLong } from './webidl.ts'

const { error: errorWritable } = WritableStreamDefaultController.prototype

/** Where the library's TransformStream keeps the ends that its getters give. */
interface TransformInternals {
  _readable: ReadableStream
  _writable: WritableStream
}

/** Counts what passes; throws where it is too much or, at the end, too little. */
interface Meter {
  passed(bytes: number): void
  ended(): void
}

class Passage {
  #readable!: ReadableByteStreamController
  #writable!: WritableStreamDefaultController
  #meter: Meter | null
  /** The reader has asked for bytes that nobody has written yet. */
  #wanted = false
  /** A write under way waits for the reader. */
  #waiting: { resolve: () => void; reject: (reason: unknown) => void } | null = null

  constructor(meter: Meter | null) {
    this.#meter = meter
  }

  open(): TransformInternals {
    return {
      _readable: new ReadableStream({
        type: 'bytes',
        start: controller => {
          this.#readable = controller
        },
        pull: () => {
          this.#wanted = true
          this.#waiting?.resolve()
        },
        cancel: reason => {
          apply(errorWritable, this.#writable, [reason])
          this.#waiting?.reject(reason)
        },
      }),
      _writable: new WritableStream<unknown>({
        start: controller => {
          this.#writable = controller
          const { signal } = controller as unknown as { signal: unknown }
          // An abort waits for the write under way, which waits for a reader.
          if (isAbortSignal(signal)) onAbort(signal, () => this.#waiting?.reject(abortReason(signal)))
        },
        write: chunk => this.#write(chunk),
        close: () =>
          this.#attempt(() => {
            this.#meter?.ended()
            closeBytes(this.#readable)
          }),
        abort: reason => errorBytes(this.#readable, reason),
      }),
    }
  }

  #write(chunk: unknown): Promise<void> | undefined {
    return this.#attempt(() => {
      if (!isBufferSource(chunk)) {
        throw new TypeError('This stream takes bytes only: write an ArrayBuffer or a view of one.')
      }
      const bytes = copyBytes(chunk)
      const size = typedArrayByteLength(bytes)
      if (size === 0) return
      this.#meter?.passed(size)
      return this.#pass(bytes)
    })
  }

  async #pass(bytes: Uint8Array): Promise<void> {
    if (!this.#wanted) {
      await new PromiseConstructor<void>((resolve, reject) => {
        this.#waiting = { resolve, reject }
      })
      this.#waiting = null
    }
    // Enqueueing may ask for more at once.
    this.#wanted = false
    enqueueBytes(this.#readable, bytes)
  }

  /** What goes wrong on the way ends both sides. */
  #attempt(act: () => Promise<void> | void): Promise<void> | undefined {
    try {
      return act() ?? undefined
    } catch (error) {
      errorBytes(this.#readable, error)
      return promiseReject(error)
    }
  }
}

export class IdentityTransformStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor() {
    super()
    connect(this, null)
  }
}

function connect(stream: TransformStream, meter: Meter | null): void {
  const { _readable, _writable } = new Passage(meter).open()
  const internals = stream as unknown as TransformInternals
  internals._readable = _readable
  internals._writable = _writable
}

/** Marks the readable side of a FixedLengthStream. */
class Length extends Stamp {
  #length: number

  constructor(stream: ReadableStream, length: number) {
    super(stream)
    this.#length = length
  }

  static of(stream: object): number | undefined {
    return #length in stream ? (stream as Length).#length : undefined
  }
}

export class FixedLengthStream extends IdentityTransformStream {
  constructor(expectedLength: unknown) {
    const context = "Failed to construct 'FixedLengthStream'"
    const value = typeof expectedLength === 'bigint' ? Number(expectedLength) : expectedLength
    const expected = unsignedLongLong(value, context, 'enforce')
    super()
    let rest = expected
    connect(this, {
      passed(bytes) {
        if (bytes > rest) throw new TypeError(`More than the ${expected} bytes announced were written.`)
        rest -= bytes
      },
      ended() {
        if (rest > 0) throw new TypeError(`${rest} of the ${expected} bytes announced were not written.`)
      },
    })
    new Length((this as unknown as TransformInternals)._readable, expected)
  }
}

/** How many bytes a stream promises, if it is a FixedLengthStream's. */
export function promisedLength(stream: object): number | undefined {
  return Length.of(stream)
}

defineInterface('IdentityTransformStream', IdentityTransformStream)
defineInterface('FixedLengthStream', FixedLengthStream)
