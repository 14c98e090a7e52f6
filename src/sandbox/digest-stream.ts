/** DigestStream, as Workers have it: a writable stream that hashes what is written to it, in constant memory. */
import { host } from './current-host.ts'
import { utf8Encode } from './encoding.ts'
import { IdentityTransformStream } from './identity-stream.ts'
import { apply, getOwnPropertyDescriptor, promiseThen } from './primordials.ts'
import { TransformStream, WritableStream, WritableStreamDefaultWriter } from './streams.ts'
import { digestName } from './subtle-crypto.ts'
import {
  copyBytes,
  defineInterface,
  domString,
  isBufferSource,
  isObject,
  requireArguments,
} from './webidl.ts'

const { abort, close, write } = WritableStreamDefaultWriter.prototype
const { getWriter } = WritableStream.prototype
const end = (name: string) => getOwnPropertyDescriptor(TransformStream.prototype, name)!.get!

const readableOf = end('readable')
const writableOf = end('writable')

/** For who cannot have it before it is asked for. */
export function digestStreamClass(): typeof DigestStream {
  return DigestStream
}

export class DigestStream extends WritableStream {
  #digest: Promise<ArrayBuffer>

  /** `algorithm`: as for crypto.subtle.digest. */
  constructor(algorithm: unknown) {
    const context = "Failed to construct 'DigestStream'"
    requireArguments(arguments.length, 1, context)
    const name = digestName(isObject(algorithm) ? algorithm : domString(algorithm), context)
    const passage = new IdentityTransformStream()
    const writer = apply(getWriter, apply(writableOf, passage, []), [])
    const { promise, resolve, reject } = Promise.withResolvers<ArrayBuffer>()
    super({
      write: chunk => apply(write, writer, [bytesIn(chunk, context)]) as Promise<void>,
      close: () => apply(close, writer, []) as Promise<void>,
      abort: reason => {
        reject(reason)
        return apply(abort, writer, [reason]) as Promise<void>
      },
    })
    promiseThen(host.digestStream(name, apply(readableOf, passage, [])), resolve, reject)
    // Who does not look at it has no use for its failure.
    promiseThen(promise, undefined, () => {})
    this.#digest = promise
  }

  /** The hash, once the stream is closed; rejects if it is aborted. */
  get digest(): Promise<ArrayBuffer> {
    return this.#digest
  }
}

defineInterface('DigestStream', DigestStream)

function bytesIn(chunk: unknown, context: string): Uint8Array {
  if (typeof chunk === 'string') return utf8Encode(chunk)
  if (isBufferSource(chunk)) return copyBytes(chunk)
  throw new TypeError(`${context}: A chunk is neither a string nor of type 'BufferSource'.`)
}
