/** CompressionStream and DecompressionStream (https://compression.spec.whatwg.org/); a part does the work. */
import type { Coder, Format } from './parts/compression.ts'
import { loadPart } from './parts.ts'
import { apply } from './primordials.ts'
import {
  type ReadableStream,
  TransformStream,
  TransformStreamDefaultController,
  type WritableStream,
} from './streams.ts'
import { copyBytes, defineInterface, enumeration, isBufferSource, requireArguments } from './webidl.ts'

const FORMATS = ['deflate', 'deflate-raw', 'gzip'] as const

const { enqueue } = TransformStreamDefaultController.prototype

type Part = typeof import('./parts/compression.ts')
type Make = (part: Part, format: Format, emit: (bytes: Uint8Array) => void) => Coder

export class CompressionStream {
  #transform: TransformStream<unknown, unknown>

  constructor(format: unknown) {
    const context = "Failed to construct 'CompressionStream'"
    requireArguments(arguments.length, 1, context)
    this.#transform = coding(format, context, (part, name, emit) => part.createCompressor(name, emit))
  }

  get readable(): ReadableStream {
    return this.#transform.readable
  }

  get writable(): WritableStream {
    return this.#transform.writable
  }
}

defineInterface('CompressionStream', CompressionStream)

export class DecompressionStream {
  #transform: TransformStream<unknown, unknown>

  constructor(format: unknown) {
    const context = "Failed to construct 'DecompressionStream'"
    requireArguments(arguments.length, 1, context)
    this.#transform = coding(format, context, (part, name, emit) => part.createDecompressor(name, emit))
  }

  get readable(): ReadableStream {
    return this.#transform.readable
  }

  get writable(): WritableStream {
    return this.#transform.writable
  }
}

defineInterface('DecompressionStream', DecompressionStream)

function coding(format: unknown, context: string, make: Make): TransformStream<unknown, unknown> {
  const name = enumeration(format, FORMATS, context)
  let controller!: TransformStreamDefaultController<unknown>
  const emit = (bytes: Uint8Array) => void apply(enqueue, controller, [bytes])
  const coder = make(loadPart<Part>('compression'), name, emit)
  return new TransformStream<unknown, unknown>({
    start(started: TransformStreamDefaultController<unknown>) {
      controller = started
    },
    transform(chunk: unknown) {
      if (!isBufferSource(chunk)) throw new TypeError('A chunk is not of type BufferSource.')
      coder.push(copyBytes(chunk))
    },
    flush() {
      coder.finish()
    },
  })
}
