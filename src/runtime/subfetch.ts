/** One fetch() of an app, on its way through the runtime: request body out, response body in. */
import { isAscii } from 'node:buffer'
import type { Readable } from 'node:stream'
import { Body, type Producer } from './bodies.ts'
import { Cancellation } from './cancellation.ts'
import type { Payer } from './connections.ts'
import type { IncomingBody } from './incoming-body.ts'
import { BODY_WINDOW } from './protocol.ts'
import type { SubresponseHead, Upstream } from './subrequest.ts'
import { Upload } from './upload.ts'

export interface SubfetchRequest {
  app: string
  method: string
  url: string
  headers: string[]
  /** The connection is to become a WebSocket's. */
  isUpgrade: boolean
  redirect: 'follow' | 'manual' | 'error'
  body: 'none' | 'fixed' | 'stream'
  /** How long a fixed body is at most, as far as is known. */
  bodyBytesMax: number
  /** A short body of ASCII that has come with its head may be handed over with it, as text. */
  takesText: boolean
  /** As of a `Subrequest`. */
  payer?: Payer
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
        request.body === 'none'
          ? null
          : request.body === 'fixed'
            ? await this.upload!.whole(request.bodyBytesMax)
            : this.upload!
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
