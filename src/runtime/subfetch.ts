/** One fetch() of an app, on its way through the runtime: request body out, response body in. */
import { isAscii } from 'node:buffer'
import type { Readable } from 'node:stream'
import { Body, type Producer, type Sink } from './bodies.ts'
import { Cancellation } from './cancellation.ts'
import type { IncomingBody } from './incoming-body.ts'
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
  /** A short body of ASCII that has come with its head may be handed over with it, as text. */
  takesText: boolean
}

/** Longer ones are asked for, and may be wanted as bytes. */
const TEXT_BYTES_MAX = 16_384

export interface SubfetchEvents {
  /** `text`: all of its body. */
  responded(head: SubresponseHead, text: string | null): void
  failed(message: string): void
  /** `status` 0: no response. */
  ended(status: number, durationMs: number): void
}

export class Subfetch {
  /** Where the app's request body goes, if it has one. */
  readonly upload: Upload | null
  /** The response's body, once there is one. */
  body: Body | null = null
  readonly #abort = new Cancellation()
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
      const head = await (await upstream()).fetch({ ...request, body, signal: this.#abort })
      status = head.status
      if (this.#abort.aborted) head.body?.destroy()
      else events.responded(head, this.#receive(head.body, request.takesText))
    } catch (error) {
      this.upload?.close()
      if (!this.#abort.aborted) events.failed(error instanceof Error ? error.message : String(error))
    }
    events.ended(status, performance.now() - started)
  }

  /** Keeps a response's body until it is asked for, or gives it as text. */
  #receive(incoming: IncomingBody | null, takesText: boolean): string | null {
    if (!incoming) return null
    const whole = incoming.takeWhole(TEXT_BYTES_MAX)
    if (whole && takesText && isAscii(whole)) return whole.latin1Slice(0, whole.length)
    this.body = whole ? wholeBody(whole, this.#account) : readableBody(incoming.stream(), this.#account)
    return null
  }
}

function wholeBody(bytes: Buffer, account: (deltaBytes: number) => void): Body {
  const body = new Body({ credit: () => {}, cancel: () => {} }, account)
  body.push(bytes)
  body.end()
  return body
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
