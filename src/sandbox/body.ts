/**
 * Bodies of requests and responses: where the bytes are, who may still have them, and the methods of the Body mixin.
 *
 * A body keeps its source as it came (a string, bytes, an id with the host) until someone reads it. Even the stream
 * that `body` shows is a mere promise of the source: as long as nothing was read from it, whoever takes the body
 * gets the source itself. So `new Response(response.body)` or `fetch(url, { body: request.body })` moves no bytes
 * through the isolate.
 */
import { type AbortSignal, abortReason, isAborted, onAbort, removeAbort } from './abort.ts'
import { type Blob, blobBytes, blobType, createBlob, isBlob } from './blob.ts'
import { copiedChunks, openSource, passedOn, spendOrigin, untouchedOrigin } from './body-stream.ts'
import { host } from './current-host.ts'
import { utf8Decode, utf8Encode } from './encoding.ts'
import { type FormData, isFormData } from './form-data.ts'
import { formDataFromMultipart, formDataFromUrlencoded, serializeFormData } from './form-data-coding.ts'
import { type HeaderList, headerOf } from './header-list.ts'
import type { BodySource } from './host.ts'
import { mimeParameter, mimeTypeOf, serializeMimeType } from './mime-type.ts'
import {
  defineProperties,
  getOwnPropertyDescriptor,
  jsonParse,
  PromiseConstructor,
  promiseThen,
  stringCharCodeAt,
  stringSlice,
  typedArrayBuffer,
} from './primordials.ts'
import {
  cancelStream,
  isDisturbed,
  isLocked,
  isReadableStream,
  type ReadableStream,
  readAllBytes,
  teeStream,
} from './streams.ts'
import { isURLSearchParams, serializeURLSearchParams } from './url-search-params.ts'
import { copyBytes, isBufferSource, isObject, usvString } from './webidl.ts'

export class Body {
  #source: BodySource
  #stream: ReadableStream | null
  #used = false
  /** Ends the reading of a fetched body. */
  #signal: AbortSignal | null
  /** Has the signal end the transfer of a body that nobody has begun to read. */
  #abandon: (() => void) | null = null

  constructor(source: BodySource, stream: ReadableStream | null = null, signal: AbortSignal | null = null) {
    this.#source = source
    this.#stream = stream
    this.#signal = signal
    if (signal === null || stream !== null || source.kind !== 'host') return
    const { id } = source
    this.#abandon = () => host.cancel(id)
    onAbort(signal, this.#abandon)
  }

  /** From now on whoever reads the bytes minds the signal. */
  #keep(): void {
    if (this.#abandon === null) return
    removeAbort(this.#signal!, this.#abandon)
    this.#abandon = null
  }

  get used(): boolean {
    return this.#used || (this.#stream !== null && isDisturbed(this.#stream))
  }

  /** Used, or somebody holds a reader of it. */
  get unusable(): boolean {
    return this.#used || (this.#stream !== null && (isDisturbed(this.#stream) || isLocked(this.#stream)))
  }

  /** Throws the reason if the fetch that the body comes from was aborted. */
  throwIfAborted(): void {
    if (this.#signal !== null && isAborted(this.#signal)) throw abortReason(this.#signal)
  }

  get stream(): ReadableStream {
    if (this.#stream === null) {
      this.#keep()
      this.#stream = openSource(this.#source, this.#signal)
      if (this.#used) spendOrigin(this.#stream)
    }
    return this.#stream
  }

  /** Gives the bytes away, once. A source of kind `stream` is to be locked at once by who gets it. */
  take(): BodySource {
    this.#used = true
    this.#keep()
    if (this.#stream !== null && this.#source.kind !== 'stream') spendOrigin(this.#stream)
    return this.#source
  }

  /** Moves the bytes to a body of their own, as `new Request(request)` does. */
  move(): Body {
    const source = this.take()
    if (source.kind !== 'stream') return new Body(source, null, this.#signal)
    const stream = passedOn(source.stream)
    return new Body({ kind: 'stream', stream }, stream)
  }

  /** A second body with the same bytes. */
  clone(): Body {
    const source = this.#source
    if (source.kind === 'text' || source.kind === 'bytes') return new Body(source)
    const [mine, other] = teeStream(this.stream)
    this.#stream = mine
    this.#source = { kind: 'stream', stream: mine }
    const copied = source.kind === 'host' ? other : copiedChunks(other)
    return new Body({ kind: 'stream', stream: copied }, copied)
  }

  /** All bytes. The body must not be unusable. `expectedBytes`: how many, as far as anybody has said. */
  async bytes(expectedBytes = () => 0): Promise<Uint8Array<ArrayBuffer>> {
    const source = this.take()
    switch (source.kind) {
      case 'text':
        return utf8Encode(source.text)
      case 'bytes':
        return copyBytes(source.bytes as Uint8Array<ArrayBuffer>)
      case 'host':
        return new Uint8Array(
          await this.#unlessAborted(source.id, id => host.collectBytes(id, expectedBytes)),
        )
      case 'stream':
        return (await readAllBytes(source.stream)).bytes
    }
  }

  /** All bytes, as text. The body must not be unusable. */
  async text(): Promise<string> {
    const source = this.take()
    switch (source.kind) {
      case 'text':
        return stringCharCodeAt(source.text, 0) === BOM ? stringSlice(source.text, 1) : source.text
      case 'bytes':
        return utf8Decode(source.bytes)
      case 'host':
        return await this.#unlessAborted(source.id, host.collectText)
      case 'stream':
        return utf8Decode((await readAllBytes(source.stream)).bytes)
    }
  }

  /** Nobody wants the bytes any more. */
  cancel(reason: unknown): void {
    if (this.#source.kind === 'stream') {
      if (!isLocked(this.stream)) ignore(cancelStream(this.stream, reason))
    } else if (this.#source.kind === 'host' && !this.unusable) {
      this.take()
      host.cancel(this.#source.id)
    }
  }

  #unlessAborted<T>(id: number, collect: (id: number) => Promise<T>): Promise<T> {
    const signal = this.#signal
    if (signal === null) return collect(id)
    return new PromiseConstructor((resolve, reject) => {
      const abort = () => {
        host.cancel(id)
        reject(abortReason(signal))
      }
      if (isAborted(signal)) return abort()
      onAbort(signal, abort)
      const settle = <A>(how: (result: A) => void) => {
        return (result: A) => {
          removeAbort(signal, abort)
          how(result)
        }
      }
      promiseThen(collect(id), settle(resolve), settle(reject))
    })
  }
}

const BOM = 0xfe_ff

/** What a guest gave as BodyInit: the body, and the content type that goes with it. */
export interface Extracted {
  body: Body
  type: string | null
}

export function extractBody(init: unknown): Extracted {
  if (typeof init === 'string') return textBody(usvString(init), 'text/plain;charset=UTF-8')
  if (isObject(init)) {
    if (isBufferSource(init)) return bytesBody(copyBytes(init), null)
    if (isBlob(init)) return bytesBody(blobBytes(init), blobType(init) || null)
    if (isURLSearchParams(init)) {
      return textBody(serializeURLSearchParams(init), 'application/x-www-form-urlencoded;charset=UTF-8')
    }
    if (isFormData(init)) {
      const { bytes, boundary } = serializeFormData(init)
      return bytesBody(bytes, `multipart/form-data; boundary=${boundary}`)
    }
    // Last, as this one loads a part.
    if (isReadableStream(init)) {
      if (isDisturbed(init) || isLocked(init)) {
        throw new TypeError('The body is a ReadableStream that is locked or has been read from.')
      }
      const origin = untouchedOrigin(init)
      const body = origin
        ? new Body(origin.source, init, origin.signal)
        : new Body({ kind: 'stream', stream: init }, init)
      return { body, type: null }
    }
  }
  return textBody(usvString(init), 'text/plain;charset=UTF-8')
}

function textBody(text: string, type: string): Extracted {
  return { body: new Body({ kind: 'text', text }), type }
}

function bytesBody(bytes: Uint8Array, type: string | null): Extracted {
  return { body: new Body({ kind: 'bytes', bytes }), type }
}

/** The members of the Body mixin, as they look to TypeScript. */
export interface BodyMixin {
  readonly body: ReadableStream | null
  readonly bodyUsed: boolean
  arrayBuffer(): Promise<ArrayBuffer>
  blob(): Promise<Blob>
  bytes(): Promise<Uint8Array<ArrayBuffer>>
  formData(): Promise<FormData>
  json(): Promise<unknown>
  text(): Promise<string>
}

/** Gives a class the Body mixin. `bodyOf` and `headersOf` throw a TypeError unless given an instance. */
export function defineBodyMixin<T>(
  Class: { prototype: object },
  bodyOf: (owner: T) => Body | null,
  headersOf: (owner: T) => HeaderList,
): void {
  /** The body, to be consumed now; null if there is none. */
  const usable = (owner: T): Body | null => {
    const body = bodyOf(owner)
    body?.throwIfAborted()
    if (body?.unusable) throw new TypeError('The body has been read already, or is being read.')
    return body
  }
  /** Throws before it promises: a refusal comes at once. */
  const bytesOf = (owner: T) => {
    const expectedBytes = () => +(headerOf(headersOf(owner), 'content-length') ?? 0) >>> 0
    return usable(owner)?.bytes(expectedBytes) ?? new Uint8Array(0)
  }
  const members = {
    get body() {
      return bodyOf(this as T)?.stream ?? null
    },
    get bodyUsed() {
      return bodyOf(this as T)?.used ?? false
    },
    async arrayBuffer() {
      return typedArrayBuffer(await bytesOf(this as T)) as ArrayBuffer
    },
    async blob() {
      const bytes = await bytesOf(this as T)
      const type = mimeTypeOf(headersOf(this as T))
      return createBlob(bytes, type ? serializeMimeType(type) : '')
    },
    async bytes() {
      return await bytesOf(this as T)
    },
    async formData() {
      const bytes = await bytesOf(this as T)
      return readFormData(bytes, headersOf(this as T))
    },
    async json() {
      return jsonParse((await usable(this as T)?.text()) ?? '')
    },
    async text() {
      return (await usable(this as T)?.text()) ?? ''
    },
  }
  const names = ['body', 'bodyUsed', 'arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    defineProperties(Class.prototype, { [name]: getOwnPropertyDescriptor(members, name)! })
  }
}

function readFormData(bytes: Uint8Array, headers: HeaderList): FormData {
  const type = mimeTypeOf(headers)
  if (type?.essence === 'multipart/form-data') {
    const boundary = mimeParameter(type, 'boundary')
    if (boundary === null) throw new TypeError('The Content-Type multipart/form-data has no boundary.')
    return formDataFromMultipart(bytes, boundary)
  }
  if (type?.essence === 'application/x-www-form-urlencoded') return formDataFromUrlencoded(bytes)
  throw new TypeError(
    'formData() needs the Content-Type multipart/form-data or application/x-www-form-urlencoded.',
  )
}

function ignore(promise: Promise<unknown>): void {
  promiseThen(promise, undefined, () => {})
}
