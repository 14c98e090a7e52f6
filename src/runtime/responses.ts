/** What a runtime sends of responses, brought to the exchanges that they answer. A frame for a stream that has ended is dropped. */
import { OUTCOMES } from '../outcome.ts'
import { RESPONSE_FINISHED, RESPONSE_WHOLE } from '../sandbox/wire.ts'
import type { Exchange } from '../scheduler/exchange.ts'
import type { RequestEnd } from './messages.ts'
import { ProtocolError } from './protocol.ts'
import type { ReadSlabs } from './read-slabs.ts'
import { RepeatedHead } from './repeated-head.ts'
import type { Stream, StreamTable } from './stream-table.ts'

/** Shorter pieces are copied for a receiver whose client is slow: else each would hold a slab for it. */
const LENT_BYTES_MIN = 32_768
/** Short ASCII bodies become text, which node:http sends in one piece with the head. */
const TEXT_BODY_BYTES_MAX = 4096
/** Of the sentence that says why a request has failed. */
const MESSAGE_BYTES_MAX = 4096

export interface ResponsesOptions {
  streams: StreamTable
  /** What is read into: payloads are lent to whoever sends them on. */
  slabs: ReadSlabs
  /** Nothing more comes for the stream. */
  onFinished(stream: Stream, end: RequestEnd): void
}

export class Responses {
  readonly #options: ResponsesOptions
  readonly #streams: StreamTable
  readonly #heads = new RepeatedHead()

  constructor(options: ResponsesOptions) {
    this.#options = options
    this.#streams = options.streams
  }

  onResponse(flags: number, id: number, payload: Buffer): void {
    const stream = this.#streams.get(id)
    if (!stream) return
    if (payload.length < 12) throw new ProtocolError('short response frame')
    const cpuMs = payload.readUInt32LE(4) / 1000
    const bodyAt = 12 + payload.readUInt32LE(8)
    if (bodyAt > payload.length || stream.headSeen) throw new ProtocolError('malformed response frame')
    const whole = (flags & RESPONSE_WHOLE) !== 0
    if (flags & RESPONSE_FINISHED && !whole) throw new ProtocolError('finished before its body')
    stream.headSeen = true
    stream.entered = true
    if (!stream.over) {
      const headers = this.#heads.read(payload.latin1Slice(12, bodyAt))
      const { exchange } = stream
      exchange.onHead(
        payload.readUInt16LE(0),
        headers,
        whole ? this.#wholeBody(exchange, payload, bodyAt) : null,
      )
      if (whole && !stream.over) endResponse(stream, cpuMs)
    }
    if (flags & RESPONSE_FINISHED) this.#options.onFinished(stream, { outcome: 'ok', cpuMs })
  }

  onChunk(id: number, payload: Buffer): void {
    const stream = this.#streams.get(id)
    if (!stream || stream.over) return
    if (!stream.headSeen) throw new ProtocolError('body before head')
    stream.exchange.onChunk(this.#lend(stream.exchange, payload))
  }

  onEnd(id: number, payload: Buffer): void {
    const stream = this.#streams.get(id)
    if (!stream || stream.over) return
    if (!stream.headSeen || payload.length < 4) throw new ProtocolError('end before head')
    endResponse(stream, payload.readUInt32LE(0) / 1000)
  }

  /** The app takes more of the request's body. */
  onCredit(id: number, payload: Buffer): void {
    const stream = this.#streams.get(id)
    if (stream && !stream.over && payload.length === 4) stream.exchange.onCredit(payload.readUInt32LE(0))
  }

  /** `isOver`: nothing more comes for the request, nor does the app do anything more for it. */
  onFinished(id: number, payload: Buffer, isOver: boolean): void {
    const stream = this.#streams.get(id)
    if (!stream) return
    const outcome = OUTCOMES[payload[0] ?? 255]
    if (!outcome || payload.length < 8) throw new ProtocolError('malformed finish')
    const end: RequestEnd = { outcome, cpuMs: payload.readUInt32LE(4) / 1000 }
    if (payload.length > 8)
      end.message = payload.utf8Slice(8, Math.min(payload.length, 8 + MESSAGE_BYTES_MAX))
    if (!stream.over) {
      stream.settle()
      if (outcome === 'ok')
        stream.exchange.onFail('internalError', 'The runtime lost the response.', end.cpuMs)
      else stream.exchange.onFail(outcome, end.message ?? '', end.cpuMs)
    }
    if (isOver) this.#options.onFinished(stream, end)
  }

  #wholeBody(exchange: Exchange, payload: Buffer, from: number): Buffer | string {
    return payload.length - from <= TEXT_BODY_BYTES_MAX
      ? payload.latin1Slice(from, payload.length)
      : this.#lend(exchange, payload.subarray(from))
  }

  #lend(exchange: Exchange, bytes: Buffer): Buffer {
    if (bytes.length < LENT_BYTES_MIN && exchange.bytesHeld > 0) return Buffer.from(bytes)
    this.#options.slabs.lend(exchange, bytes.length)
    return bytes
  }
}

function endResponse(stream: Stream, cpuMs: number): void {
  stream.settle()
  stream.exchange.onEnd(cpuMs)
}
