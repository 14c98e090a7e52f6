/**
 * The Streams standard, and what the platform itself does with streams, through methods that no guest can have
 * patched.
 */
import { joinBytes } from './join-bytes.ts'
import {
  apply,
  arrayPush,
  getOwnPropertyDescriptor,
  ownKeys,
  PromiseConstructor,
  promiseThen,
  typedArrayByteLength,
  typedArrayTag,
} from './primordials.ts'
import {
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultReader,
  type TransformStream,
} from './streams-library.ts'
import { isObject } from './webidl.ts'

export {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from './streams-library.ts'

/** What the library keeps on a stream itself. */
interface StreamInternals {
  _disturbed: boolean
  _state: 'readable' | 'closed' | 'errored'
  _storedError: unknown
  _readableStreamController: Record<symbol, (steps: ReadSteps) => void>
}

const { getReader, tee, pipeThrough, cancel } = ReadableStream.prototype
const lockedGetter = getOwnPropertyDescriptor(ReadableStream.prototype, 'locked')!.get!
const { read, cancel: cancelOfReader } = ReadableStreamDefaultReader.prototype
const { enqueue, close, error } = ReadableByteStreamController.prototype
const { respond } = ReadableStreamBYOBRequest.prototype
const byobRequestGetter = getOwnPropertyDescriptor(ReadableByteStreamController.prototype, 'byobRequest')!
  .get!

/** The library's name for what its controllers do at a read. */
const pullSteps = ownKeys(ReadableByteStreamController.prototype).find(
  key => typeof key === 'symbol' && key.description === '[[PullSteps]]',
) as symbol

export function isReadableStream(value: unknown): value is ReadableStream {
  if (!isObject(value)) return false
  try {
    apply(lockedGetter, value, [])
    return true
  } catch {
    return false
  }
}

export function isLocked(stream: ReadableStream): boolean {
  return apply(lockedGetter, stream, [])
}

/** Whether the stream was ever read from or canceled. */
export function isDisturbed(stream: ReadableStream): boolean {
  return (stream as unknown as StreamInternals)._disturbed
}

/** Leaves the stream as if someone had read it and still held it. */
export function spendStream(stream: ReadableStream): void {
  apply(getReader, stream, [])
  ;(stream as unknown as StreamInternals)._disturbed = true
}

export function cancelStream(stream: ReadableStream, reason: unknown): Promise<void> {
  return apply(cancel, stream, [reason])
}

export function teeStream(stream: ReadableStream): [ReadableStream, ReadableStream] {
  return apply(tee, stream, []) as [ReadableStream, ReadableStream]
}

export function pipeStreamThrough(stream: ReadableStream, transform: TransformStream): ReadableStream {
  return apply(pipeThrough, stream, [transform])
}

/** Locks the stream. */
export function readerOf(stream: ReadableStream): ReadableStreamDefaultReader<unknown> {
  return apply(getReader, stream, []) as ReadableStreamDefaultReader<unknown>
}

export function readFrom(
  reader: ReadableStreamDefaultReader<unknown>,
): Promise<{ done: boolean; value?: unknown }> {
  return apply(read, reader, []) as Promise<{ done: boolean; value?: unknown }>
}

export function cancelReader(reader: ReadableStreamDefaultReader<unknown>, reason: unknown): Promise<void> {
  return apply(cancelOfReader, reader, [reason]) as Promise<void>
}

export function enqueueBytes(controller: ReadableByteStreamController, bytes: Uint8Array): void {
  apply(enqueue, controller, [bytes])
}

/** Ends a byte stream, and with it the read into a caller's buffer that is waiting. */
export function closeBytes(controller: ReadableByteStreamController): void {
  apply(close, controller, [])
  const request = apply(byobRequestGetter, controller, [])
  if (request) apply(respond, request, [0])
}

export function errorBytes(controller: ReadableByteStreamController, reason: unknown): void {
  apply(error, controller, [reason])
}

/** How a read ends: one of the three is called, perhaps at once. They must not throw. */
export interface ReadSteps {
  _chunkSteps(chunk: unknown): void
  _closeSteps(): void
  _errorSteps(reason: unknown): void
}

/**
 * Reads a chunk from a stream that its caller has locked, without a promise: even a `then` on Object.prototype
 * does not see it.
 */
export function readChunk(stream: ReadableStream, steps: ReadSteps): void {
  const internals = stream as unknown as StreamInternals
  internals._disturbed = true
  if (internals._state === 'closed') steps._closeSteps()
  else if (internals._state === 'errored') steps._errorSteps(internals._storedError)
  else internals._readableStreamController[pullSteps]!(steps)
}

/** A stream's chunks, one after the other. */
export interface ByteReader {
  /** Null at the end. Rejects with a TypeError at a chunk that is no Uint8Array. */
  next(): Promise<Uint8Array | null>
  /** Nobody wants more. */
  cancel(reason: unknown): void
}

/** Locks the stream. */
export function readBytes(stream: ReadableStream): ByteReader {
  const reader = readerOf(stream)
  const stop = (reason: unknown) => void promiseThen(cancelReader(reader, reason), undefined, () => {})
  return {
    next: () =>
      new PromiseConstructor((resolve, reject) => {
        readChunk(stream, {
          _chunkSteps(chunk) {
            if (typedArrayTag(chunk) === 'Uint8Array') return resolve(chunk as Uint8Array)
            const reason = new TypeError('The stream must give Uint8Array chunks.')
            stop(reason)
            reject(reason)
          },
          _closeSteps: () => resolve(null),
          _errorSteps: reject,
        })
      }),
    cancel: stop,
  }
}

/**
 * All the bytes of a stream, which is locked from now on. Rejects with a TypeError at a chunk that is no
 * Uint8Array.
 */
export function readAllBytes(stream: ReadableStream): Promise<{ bytes: Uint8Array<ArrayBuffer> }> {
  const reader = readerOf(stream)
  const chunks: Uint8Array[] = []
  let total = 0
  return new PromiseConstructor((resolve, reject) => {
    /** Chunks that are there already arrive while `read` runs: then it goes on in its loop, not deeper. */
    let reading = false
    let more = true
    const steps: ReadSteps = {
      _chunkSteps(chunk) {
        if (typedArrayTag(chunk) !== 'Uint8Array') {
          const reason = new TypeError('A body stream must give Uint8Array chunks.')
          promiseThen(apply(cancelOfReader, reader, [reason]) as Promise<void>, undefined, () => {})
          return reject(reason)
        }
        arrayPush(chunks, chunk as Uint8Array)
        total += typedArrayByteLength(chunk)
        more = true
        if (!reading) readOn()
      },
      // Without a prototype the result has no `then`, whatever a guest has put on Object.prototype.
      _closeSteps: () => resolve({ __proto__: null, bytes: joinBytes(chunks, total) } as never),
      _errorSteps: reject,
    }
    const readOn = () => {
      reading = true
      while (more) {
        more = false
        readChunk(stream, steps)
      }
      reading = false
    }
    readOn()
  })
}
