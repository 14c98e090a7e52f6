/**
 * Entries in memory, and an HTTP server on a unix socket in front of them. An app is told apart by its name, which its
 * runtime says and the app cannot.
 */
import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { CacheResult } from '../channels.ts'
import { Entries } from './entries.ts'
import { headerValue, keepingOf, select } from './freshness.ts'
import {
  type CacheQuestion,
  decodeHead,
  encodeHead,
  HEAD_BYTES_MAX,
  HEAD_HEADER,
  TOKEN_HEADER,
} from './wire.ts'

export interface CacheServerOptions {
  /** Questions must show it. */
  token: string
  bytesMax: number
  appBytesMax: number
  entryBytesMax: number
  /** Milliseconds since the epoch. */
  now?: () => number
  /** What became of a question of an app. */
  onResult: (app: string, result: CacheResult) => void
  /** An app's entry had to go for another one. */
  onEvicted: (app: string) => void
}

export class CacheServer {
  readonly #options: CacheServerOptions
  readonly #server: Server
  readonly #entries: Entries
  readonly #now: () => number
  /** Bytes of bodies that are on their way in, by app. */
  readonly #arriving = new Map<string, number>()

  constructor(options: CacheServerOptions) {
    const { now = Date.now, bytesMax, appBytesMax, onEvicted } = options
    this.#options = options
    this.#now = now
    this.#entries = new Entries({ now, bytesMax, appBytesMax, onEvicted })
    this.#server = createServer({ maxHeaderSize: HEAD_BYTES_MAX, noDelay: true }, (request, response) => {
      void this.#answer(request, response).catch(() => response.destroy())
    })
  }

  async listen(path: string): Promise<void> {
    this.#server.listen(path)
    await once(this.#server, 'listening')
  }

  /** Bytes of all that is kept. */
  get bytes(): number {
    return this.#entries.bytes
  }

  /** Forgets all that an app has put. */
  drop(app: string): void {
    this.#entries.drop(app)
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { [TOKEN_HEADER]: token, [HEAD_HEADER]: head } = request.headers
    if (!isSame(token, this.#options.token) || typeof head !== 'string') return end(response, 403)
    const question = decodeHead(head) as CacheQuestion
    const { app, cache, url } = question
    const key = `${cache}\n${url}`
    if (request.method === 'GET') return this.#lookUp(question, key, response)
    if (request.method === 'PUT') return await this.#keep(question, key, { request, response })
    const isThere = this.#entries.delete(app, key)
    this.#options.onResult(app, 'delete')
    end(response, isThere ? 204 : 404)
  }

  #lookUp({ app, headers }: CacheQuestion, key: string, response: ServerResponse): void {
    const entry = this.#entries.get(app, key)
    this.#options.onResult(app, entry ? 'hit' : 'miss')
    if (!entry) return end(response, 404)
    const { status, from, to, ...selected } = select(entry, headers)
    const age = Math.floor((this.#now() - entry.storedAt) / 1000)
    const told = [...selected.headers, 'age', String(age), 'cf-cache-status', 'HIT']
    const statusText = status === entry.status ? entry.statusText : ''
    response.setHeader(HEAD_HEADER, encodeHead({ status, statusText, headers: told }))
    response.setHeader('content-length', to - from)
    Readable.from(pieces(entry.body, from, to), { objectMode: false }).pipe(response)
  }

  async #keep(
    question: CacheQuestion,
    key: string,
    { request, response }: { request: IncomingMessage; response: ServerResponse },
  ): Promise<void> {
    const { app, headers, status = 200, statusText = '' } = question
    const keeping = keepingOf(status, headers, this.#now())
    const body = keeping && (await this.#collect(app, request))
    if (!keeping || !body) {
      request.resume()
      this.#options.onResult(app, keeping ? 'too_large' : 'uncacheable')
      return end(response, keeping ? 413 : 204)
    }
    const storedAt = this.#now()
    const age = Number(headerValue(headers, 'age') ?? 0) || 0
    const bodyBytes = body.reduce((sum, piece) => sum + piece.length, 0)
    const isKept = this.#entries.set(app, key, {
      status,
      statusText,
      headers: keeping.headers.filter((_, at) => !REPLACED.has(keeping.headers[at - (at % 2)]!)),
      body,
      bodyBytes,
      storedAt: storedAt - age * 1000,
      expiresAt: storedAt + (keeping.lifetimeS - age) * 1000,
    })
    this.#options.onResult(app, isKept ? 'put' : 'too_large')
    end(response, isKept ? 204 : 413)
  }

  /** The body's pieces; null if it is too long, for one entry or beside what else the app is sending. */
  async #collect(app: string, request: IncomingMessage): Promise<Buffer[] | null> {
    const body: Buffer[] = []
    let bytes = 0
    const arrived = (delta: number) => {
      const sum = (this.#arriving.get(app) ?? 0) + delta
      if (sum > 0) this.#arriving.set(app, sum)
      else this.#arriving.delete(app)
      return sum
    }
    const { appBytesMax, entryBytesMax } = this.#options
    try {
      for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        bytes += piece.length
        if (arrived(piece.length) > appBytesMax || bytes > entryBytesMax) return null
        body.push(piece)
      }
      return body
    } finally {
      arrived(-bytes)
    }
  }
}

/** What the cache says itself when it answers. */
const REPLACED = new Set(['age', 'cf-cache-status'])

function* pieces(body: readonly Buffer[], from: number, to: number): Generator<Buffer> {
  let at = 0
  for (const piece of body) {
    const selected = piece.subarray(Math.max(0, from - at), Math.max(0, to - at))
    at += piece.length
    if (selected.length > 0) yield selected
  }
}

function end(response: ServerResponse, status: number): void {
  response.statusCode = status
  response.end()
}

function isSame(given: string | string[] | undefined, wanted: string): boolean {
  return (
    typeof given === 'string' &&
    given.length === wanted.length &&
    timingSafeEqual(Buffer.from(given), Buffer.from(wanted))
  )
}
