/** The streams that bodies show: each stands for its source until somebody reads from it. */
import { type AbortSignal, abortReason, isAborted, onAbort, removeAbort } from './abort.ts'
import { host } from './current-host.ts'
import { utf8Encode } from './encoding.ts'
import type { BodySource } from './host.ts'
import {
  apply,
  arrayBufferIsView,
  objectCreate,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArrayTag,
} from './primordials.ts'
import {
  closeBytes,
  enqueueBytes,
  errorBytes,
  pipeStreamThrough,
  type ReadableByteStreamController,
  ReadableStream,
  spendStream,
  TransformStream,
  TransformStreamDefaultController,
} from './streams.ts'
import { type BufferSource, copyBytes, isBufferSource, Stamp } from './webidl.ts'

/** How much of a blob its stream gives at a time. */
const PIECE_BYTES = 65_536

const { enqueue } = TransformStreamDefaultController.prototype

/** What a body's bytes are taken from, and what ends that. */
export interface Origin {
  source: BodySource
  signal: AbortSignal | null
}

class Mark extends Stamp {
  #origin: Origin | null

  constructor(stream: ReadableStream, origin: Origin) {
    super(stream)
    this.#origin = origin
  }

  static of(stream: object): Origin | null {
    return #origin in stream ? (stream as Mark).#origin : null
  }

  static remove(stream: object): void {
    if (#origin in stream) (stream as Mark).#origin = null
  }
}

/** What a stream made by `openSource` stands for; null if it is another's, or its bytes have been asked for. */
export function untouchedOrigin(stream: ReadableStream): Origin | null {
  return Mark.of(stream)
}

/** Leaves the stream as one that somebody else reads: its source has been taken. */
export function spendOrigin(stream: ReadableStream): void {
  Mark.remove(stream)
  spendStream(stream)
}

/** A stream of the source's bytes. `signal` ends it with an error. */
export function openSource(source: BodySource, signal: AbortSignal | null): ReadableStream {
  if (source.kind === 'stream') return source.stream
  const stream: ReadableStream =
    source.kind === 'host' ? hostStream(source.id, signal, () => Mark.remove(stream)) : memoryStream(source)
  new Mark(stream, { source, signal })
  return stream
}

/** `touched` is called when bytes are asked for, or refused for good. */
function hostStream(id: number, signal: AbortSignal | null, touched: () => void): ReadableStream {
  let forgetSignal = () => {}
  return new ReadableStream({
    type: 'bytes',
    start(controller: ReadableByteStreamController) {
      if (signal === null) return
      const abort = () => {
        host.cancel(id)
        errorBytes(controller, abortReason(signal))
      }
      if (isAborted(signal)) return abort()
      onAbort(signal, abort)
      forgetSignal = () => removeAbort(signal, abort)
    },
    async pull(controller: ReadableByteStreamController) {
      touched()
      const chunk = await host.pull(id)
      if (chunk === undefined) {
        forgetSignal()
        closeBytes(controller)
      } else enqueueBytes(controller, chunk)
    },
    cancel() {
      touched()
      forgetSignal()
      host.cancel(id)
    },
  })
}

function memoryStream(
  source: { kind: 'text'; text: string } | { kind: 'bytes'; bytes: Uint8Array },
): ReadableStream {
  return new ReadableStream({
    type: 'bytes',
    pull(controller: ReadableByteStreamController) {
      // Enqueueing takes the buffer away, and a source may be another body's too.
      const bytes =
        source.kind === 'text' ? utf8Encode(source.text) : copyBytes(source.bytes as Uint8Array<ArrayBuffer>)
      if (typedArrayByteLength(bytes) > 0) enqueueBytes(controller, bytes)
      closeBytes(controller)
    },
  })
}

/** A stream of bytes that nobody changes, some at a time. */
export function piecesOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  const size = typedArrayByteLength(bytes)
  let at = 0
  return new ReadableStream({
    type: 'bytes',
    pull(controller: ReadableByteStreamController) {
      if (at >= size) return closeBytes(controller)
      const end = at + PIECE_BYTES < size ? at + PIECE_BYTES : size
      enqueueBytes(
        controller,
        copyBytes(new Uint8Array(typedArrayBuffer(bytes), typedArrayByteOffset(bytes) + at, end - at)),
      )
      at = end
    },
  })
}

/** The same chunks in another stream: the first one is locked from now on. */
export function passedOn(stream: ReadableStream): ReadableStream {
  return pipeStreamThrough(stream, new TransformStream())
}

/**
 * The same stream with chunks of its own: what one reader of a clone does to its bytes, the other does not see.
 */
export function copiedChunks(stream: ReadableStream): ReadableStream {
  const copies = new TransformStream({
    transform(chunk: unknown, controller: TransformStreamDefaultController<unknown>) {
      apply(enqueue, controller, [isBufferSource(chunk) ? copyOf(chunk) : chunk])
    },
  })
  return pipeStreamThrough(stream, copies)
}

type ViewClass = new (buffer: ArrayBuffer) => ArrayBufferView

const viewClasses = byName([
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float16Array,
  Float32Array,
  Float64Array,
])

function byName(classes: ViewClass[]): Record<string, ViewClass> {
  const named: Record<string, ViewClass> = objectCreate(null)
  for (let i = 0; i < classes.length; i++) named[classes[i]!.name] = classes[i]!
  return named
}

function copyOf(source: BufferSource): BufferSource {
  const { buffer } = copyBytes(source)
  if (!arrayBufferIsView(source)) return buffer
  const tag = typedArrayTag(source)
  return tag === undefined ? new DataView(buffer) : new viewClasses[tag]!(buffer)
}
