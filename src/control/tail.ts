/**
 * Follows apps live: what `appLogChannel` and `requestChannel` tell of an app goes to its readers as lines of
 * JSON. While nobody reads, nothing is subscribed. A reader that is slow loses lines, and is told how many;
 * it never holds up the app. Queries of URLs, which often carry secrets, are left out unless asked for.
 */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { type AppLogEvent, appLogChannel, type RequestEvent, requestChannel } from '../channels.ts'
import type { Config } from '../config.ts'
import { VitrineError } from '../errors.ts'

/** A line at least this often shows that the connection is alive. */
const KEEP_ALIVE_MS = 15_000

interface Reader {
  response: ServerResponse
  dropped: number
}

export interface TailsOptions {
  config: Pick<Config, 'tailsMax' | 'tailBufferBytesMax' | 'accessLogQuery'>
  keepAliveMs?: number
}

export class Tails implements Disposable {
  readonly #options: TailsOptions
  readonly #readers = new Map<string, Set<Reader>>()
  #count = 0
  #keepAlive: NodeJS.Timeout | null = null

  constructor(options: TailsOptions) {
    this.#options = options
  }

  /** Makes the reply a stream of the app's events. Throws `BUSY` if there are too many. */
  follow(app: string, reply: FastifyReply) {
    const { tailsMax } = this.#options.config
    if (this.#count >= tailsMax) {
      throw new VitrineError('BUSY', `${tailsMax} readers follow logs already: end one, or raise --tails-max`)
    }
    reply.hijack()
    const response = reply.raw
    const reader: Reader = { response, dropped: 0 }
    const readers = this.#readers.get(app) ?? new Set()
    this.#readers.set(app, readers.add(reader))
    if (this.#count++ === 0) this.#listen()
    response.once('close', () => this.#forget(app, reader))
    response.on('drain', () => this.#confess(reader))
    response.on('error', () => {})
    response.writeHead(200, {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    response.flushHeaders()
  }

  /** Ends the streams of an app that is gone. */
  end(app: string) {
    for (const { response } of this.#readers.get(app) ?? []) response.end()
  }

  /** Ends all streams. */
  [Symbol.dispose]() {
    for (const app of this.#readers.keys()) this.end(app)
  }

  #listen() {
    appLogChannel.subscribe(this.#onLog)
    requestChannel.subscribe(this.#onRequest)
    this.#keepAlive = setInterval(() => {
      for (const readers of this.#readers.values()) for (const reader of readers) this.#write(reader, '\n')
    }, this.#options.keepAliveMs ?? KEEP_ALIVE_MS)
  }

  #forget(app: string, reader: Reader) {
    const readers = this.#readers.get(app)
    if (!readers?.delete(reader)) return
    if (readers.size === 0) this.#readers.delete(app)
    if (--this.#count > 0) return
    appLogChannel.unsubscribe(this.#onLog)
    requestChannel.unsubscribe(this.#onRequest)
    if (this.#keepAlive) clearInterval(this.#keepAlive)
  }

  readonly #onLog = (event: AppLogEvent) => {
    const readers = this.#readers.get(event.app)
    if (readers) this.#tell(readers, `${JSON.stringify({ type: 'log', ...event })}\n`)
  }

  readonly #onRequest = (event: RequestEvent) => {
    const readers = this.#readers.get(event.app)
    if (!readers) return
    const url = this.#options.config.accessLogQuery ? event.url : event.url.split('?', 1)[0]
    this.#tell(readers, `${JSON.stringify({ type: 'request', ...event, url })}\n`)
  }

  #tell(readers: Set<Reader>, line: string) {
    for (const reader of readers) {
      this.#confess(reader)
      if (!this.#write(reader, line)) reader.dropped++
    }
  }

  #confess(reader: Reader) {
    if (reader.dropped === 0) return
    const line = `${JSON.stringify({ type: 'dropped', count: reader.dropped })}\n`
    if (this.#write(reader, line)) reader.dropped = 0
  }

  /** False if there is no room for the line. */
  #write({ response }: Reader, line: string): boolean {
    if (response.writableEnded || response.destroyed) return true
    if (response.writableLength + line.length > this.#options.config.tailBufferBytesMax) return false
    response.write(line)
    return true
  }
}
