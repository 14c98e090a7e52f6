/** One fetch() of an app, on its way through the runtime: request body out, response body in. */
import type { Readable } from 'node:stream'
import { Body, type Producer, type Sink } from './bodies.ts'
import { BODY_WINDOW } from './protocol.ts'
import type { SubresponseHead, Upstream } from './subrequest.ts'

export interface SubfetchRequest {
  app: string
  method: string
  url: string
  headers: string[]
  /** The connection is to become a WebSocket's. */
  isUpgrade: boolean
  redirect: 'follow' | 'manual' | 'error'
  body: 'none' | 'fixed' | 'stream'
}

export interface SubfetchEvents {
  responded(head: SubresponseHead, hasBody: boolean): void
  failed(message: string): void
  /** `status` 0: no response. */
  ended(status: number, durationMs: number): void
}

export class Subfetch {
  /** Where the app's request body goes, if it has one. */
  readonly upload: Upload | null
  /** The response's body, once there is one. */
  body: Body | null = null
  readonly #abort = new AbortController()
  readonly #account: (deltaBytes: number) => void

  constructor(
    upstream: () => Promise<Upstream>,
    request: SubfetchRequest,
    options: { events: SubfetchEvents; producer: Producer; account: (deltaBytes: number) => void },
  ) {
    this.#account = options.account
    this.upload =
      request.body === 'none' ? null : new Upload(options.producer, options.account, () => this.abort())
    void this.#run(upstream, request, options.events)
  }

  abort(): void {
    this.#abort.abort()
    this.body?.cancel()
    this.upload?.close()
  }

  async #run(
    upstream: () => Promise<Upstream>,
    request: SubfetchRequest,
    events: SubfetchEvents,
  ): Promise<void> {
    const started = performance.now()
    let status = 0
    try {
      const body =
        request.body === 'none' ? null : request.body === 'fixed' ? await this.upload!.whole() : this.upload!
      const head = await (await upstream()).fetch({ ...request, body, signal: this.#abort.signal })
      status = head.status
      if (this.#abort.signal.aborted) {
        head.body?.destroy()
      } else {
        if (head.body) this.body = readableBody(head.body, this.#account)
        events.responded(head, head.body !== null)
      }
    } catch (error) {
      this.upload?.close()
      if (!this.#abort.signal.aborted) events.failed(error instanceof Error ? error.message : String(error))
    }
    events.ended(status, performance.now() - started)
  }
}

/** A Node stream as a body: paused whenever a window of it lies here. */
function readableBody(readable: Readable, account: (deltaBytes: number) => void): Body {
  let credit = BODY_WINDOW
  const body = new Body(
    {
      credit: bytes => {
        credit += bytes
        if (credit > 0 && readable.isPaused()) readable.resume()
      },
      cancel: () => readable.destroy(),
    },
    account,
  )
  readable.on('data', (chunk: Buffer) => {
    credit -= chunk.length
    if (credit <= 0) readable.pause()
    body.push(chunk)
  })
  readable.on('end', () => body.end())
  readable.on('error', error => body.fail(error.message))
  readable.on('close', () => {
    if (!readable.readableEnded) body.fail('The connection was closed before the body was complete.')
  })
  return body
}

/** A request body on its way from the isolate to undici. */
class Upload implements Sink, AsyncIterable<Buffer> {
  readonly #producer: Producer
  readonly #account: (deltaBytes: number) => void
  readonly #abort: () => void
  readonly #chunks: Buffer[] = []
  #ended = false
  #failure: Error | null = null
  #wake: (() => void) | null = null
  #collecting = false

  constructor(producer: Producer, account: (deltaBytes: number) => void, abort: () => void) {
    this.#producer = producer
    this.#account = account
    this.#abort = abort
  }

  write(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes)
    this.#chunks.push(chunk)
    this.#account(chunk.length)
    if (this.#collecting) this.#producer.credit(chunk.length)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  fail(message: string): void {
    this.#failure = new Error(message)
    this.#wake?.()
    this.#abort()
  }

  close(): void {
    if (!this.#ended) this.#producer.cancel()
    this.#failure ??= new Error('The fetch is over.')
    this.#wake?.()
    this.#drop()
  }

  /** All of it in one piece. */
  async whole(): Promise<Buffer> {
    this.#collecting = true
    while (!this.#ended) await this.#more()
    if (this.#failure) throw this.#failure
    const all = Buffer.concat(this.#chunks)
    this.#drop()
    return all
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#failure) throw this.#failure
      const chunk = this.#chunks.shift()
      if (chunk) {
        this.#account(-chunk.length)
        yield chunk
        this.#producer.credit(chunk.length)
      } else if (this.#ended) {
        return
      } else {
        await this.#more()
      }
    }
  }

  #more(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    return new Promise(resolve => {
      this.#wake = () => {
        this.#wake = null
        resolve()
      }
    })
  }

  #drop(): void {
    for (const chunk of this.#chunks.splice(0)) this.#account(-chunk.length)
  }
}
