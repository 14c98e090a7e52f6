/** TextEncoderStream and TextDecoderStream. */
import { TextDecoder, textDecode, utf8Encode } from './encoding.ts'
import { apply, stringCharCodeAt, stringSlice } from './primordials.ts'
import {
  type ReadableStream,
  TransformStream,
  TransformStreamDefaultController,
  type WritableStream,
} from './streams.ts'
import { defineInterface, domString, isBufferSource } from './webidl.ts'

const { enqueue } = TransformStreamDefaultController.prototype

type Controller = TransformStreamDefaultController<unknown>

export class TextEncoderStream {
  #transform: TransformStream<unknown, unknown>

  constructor() {
    /** A high surrogate whose other half may be the next chunk's first. */
    let pending = ''
    this.#transform = new TransformStream<unknown, unknown>({
      transform(chunk: unknown, controller: Controller) {
        let text = pending + domString(chunk)
        const last = text.length - 1
        pending = (stringCharCodeAt(text, last) & 0xfc_00) === 0xd8_00 ? stringSlice(text, last) : ''
        if (pending !== '') text = stringSlice(text, 0, last)
        if (text !== '') apply(enqueue, controller, [utf8Encode(text)])
      },
      flush(controller: Controller) {
        if (pending !== '') apply(enqueue, controller, [utf8Encode(pending)])
      },
    })
  }

  get encoding(): string {
    void this.#transform
    return 'utf-8'
  }

  get readable(): ReadableStream {
    return this.#transform.readable
  }

  get writable(): WritableStream {
    return this.#transform.writable
  }
}

export class TextDecoderStream {
  #decoder: TextDecoder
  #transform: TransformStream<unknown, unknown>

  constructor(label: unknown = 'utf-8', options: unknown = undefined) {
    const decoder = new TextDecoder(label, options)
    this.#decoder = decoder
    this.#transform = new TransformStream<unknown, unknown>({
      transform(chunk: unknown, controller: Controller) {
        if (!isBufferSource(chunk, true)) throw new TypeError('A TextDecoderStream takes bytes only.')
        const text = apply(textDecode, decoder, [chunk, { stream: true }])
        if (text !== '') apply(enqueue, controller, [text])
      },
      flush(controller: Controller) {
        const text = apply(textDecode, decoder, [])
        if (text !== '') apply(enqueue, controller, [text])
      },
    })
  }

  get encoding(): string {
    return this.#decoder.encoding
  }

  get fatal(): boolean {
    return this.#decoder.fatal
  }

  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM
  }

  get readable(): ReadableStream {
    return this.#transform.readable
  }

  get writable(): WritableStream {
    return this.#transform.writable
  }
}

defineInterface('TextEncoderStream', TextEncoderStream)
defineInterface('TextDecoderStream', TextDecoderStream)
