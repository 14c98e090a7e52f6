/**
 * One request and its response on one connection: what a subrequest does once, and again at each redirect.
 *
 * A hop ends when the response has come wholly, or it fails, is aborted, or its body is destroyed; then nothing of
 * it remains: no listener, no iterator, and the connection is free again or closed.
 */
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { SmallPieces } from '../small-pieces.ts'
import type { CancelSignal } from './cancellation.ts'
import type { Connection } from './connections.ts'
import { type IncomingBody, ReceivedBody } from './incoming-body.ts'
import { Informational } from './informational.ts'
import { explain, SubrequestError } from './subrequest-error.ts'

export interface HopRequest {
  method: string
  url: URL
  /** Flat: name, value, …; names in lower case. */
  headers: string[]
  body: null | Buffer | AsyncIterable<Buffer>
}

export interface HopResponse {
  status: number
  statusText: string
  headers: Record<string, string | string[] | undefined>
  /** Null where the status or the method allows none. */
  body: IncomingBody | null
}

/** Sends a request and resolves with the head of its response. Rejects with a `SubrequestError`. */
export function send(
  connection: Connection,
  request: HopRequest,
  signal: CancelSignal,
): Promise<HopResponse> {
  return new Promise((resolve, reject) => {
    new Hop(connection, request, { signal, resolve, reject }).start()
  })
}

interface HopOptions {
  signal: CancelSignal
  resolve: (response: HopResponse) => void
  reject: (error: SubrequestError) => void
}

const NULL_BODY_STATUSES = new Set([204, 205, 304])

class Hop implements Dispatcher.DispatchHandler {
  readonly #connection: Connection
  readonly #request: HopRequest
  readonly #options: HopOptions
  readonly #upload: Upload | null
  readonly #abort = () => this.#fail(new SubrequestError('the subrequest was aborted'))
  readonly #abandon = (reason: Error | null) => {
    if (!this.#over) this.#fail(reason ?? new SubrequestError('the body was not wanted'))
  }
  #body: ReceivedBody | null = null
  readonly #informational = new Informational()
  /** They go on together, once for each piece that is read of the connection. */
  readonly #small = new SmallPieces()
  #controller: Dispatcher.DispatchController | null = null
  #over = false

  constructor(connection: Connection, request: HopRequest, options: HopOptions) {
    this.#connection = connection
    this.#request = request
    this.#options = options
    const { body } = request
    this.#upload = body === null || Buffer.isBuffer(body) ? null : new Upload(body)
  }

  start() {
    const { signal } = this.#options
    if (signal.aborted) return this.#abort()
    signal.addEventListener('abort', this.#abort)
    this.#connection.onRead = this.#pushSmall
    const { method, url, headers, body } = this.#request
    const upload = this.#upload as unknown as Readable | null // undici takes any iterable; its types do not
    this.#connection.client.dispatch(
      { method, path: url.pathname + url.search, headers, body: upload ?? (body as Buffer | null) },
      this,
    )
  }

  onRequestStart() {}

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: HopResponse['headers'],
    statusText = '',
  ) {
    if (this.#over) return
    if (status < 200) return this.#informational.received(controller)
    if (this.#request.method !== 'HEAD' && !NULL_BODY_STATUSES.has(status)) {
      this.#body = new ReceivedBody({ resume: () => controller.resume(), abandon: this.#abandon })
    }
    this.#options.resolve({ status, statusText, headers, body: this.#body })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer) {
    if (this.#over) return
    if (!this.#body) return this.#fail(new SubrequestError('the response must not have a body'))
    this.#controller = controller
    if (this.#small.keep(chunk) > 0) return
    this.#pushSmall()
    if (!this.#body.push(chunk)) controller.pause()
  }

  readonly #pushSmall = () => {
    const together = this.#over ? null : this.#small.take()
    if (together && !this.#body!.push(together)) this.#controller!.pause()
  }

  onResponseEnd() {
    if (this.#over) return
    this.#pushSmall()
    this.#end()
    if (this.#upload && !this.#upload.done) {
      // What is left of the request's body would be read as the next request.
      const reason = new SubrequestError('the server answered before it had the whole body')
      this.#upload.cancel(reason)
      this.#connection.close(reason)
    } else {
      this.#connection.release()
    }
    this.#body?.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error) {
    this.#fail(error)
  }

  #fail(cause: Error) {
    if (this.#over) return
    this.#end()
    const error = explain(cause)
    this.#upload?.cancel(error)
    this.#connection.close(error)
    this.#body?.fail(error)
    this.#options.reject(error) // no effect after the head
  }

  #end() {
    this.#over = true
    this.#options.signal.removeEventListener('abort', this.#abort)
  }
}

/** A request's body that lets go of its source when the request ends before it, even while it waits for a piece. */
class Upload implements AsyncIterableIterator<Buffer> {
  readonly #source: AsyncIterator<Buffer>
  #interrupt: ((reason: Error) => void) | null = null
  #done = false

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** All has been read, or nothing more will be. */
  get done(): boolean {
    return this.#done
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Buffer>> {
    return new Promise((resolve, reject) => {
      this.#interrupt = reject
      this.#source.next().then(result => {
        if (result.done) this.#done = true
        resolve(result)
      }, reject)
    })
  }

  async return(): Promise<IteratorResult<Buffer>> {
    this.cancel(new SubrequestError('the request ended before its body'))
    return { done: true, value: undefined }
  }

  /** Fails a `next` that is pending, and lets go of the source. */
  cancel(reason: Error) {
    if (this.#done) return
    this.#done = true
    this.#interrupt?.(reason)
    void this.#source.return?.().catch(() => {})
  }
}
