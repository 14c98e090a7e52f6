/**
 * Performs the subrequests of apps: what `fetch()` does once it has left the isolate.
 *
 * Everything about a request is taken to be hostile, and so is whatever answers it. A subrequest fails in one way
 * only: `fetch` rejects, or the body fails, with a `SubrequestError` whose message the app may see.
 */
import type { CancelSignal } from './cancellation.ts'
import { type ConnectionOptions, Connections, type Payer } from './connections.ts'
import { decode, WindowBudget } from './decode.ts'
import { type HopRequest, type HopResponse, send } from './hop.ts'
import { type IncomingBody, streamed } from './incoming-body.ts'
import { Resolver } from './resolver.ts'
import { explain, SubrequestError } from './subrequest-error.ts'
import { checkedHop, flatHeaders, isRedirect, redirected } from './subrequest-head.ts'
import { NO_TLS, type TlsConnector } from './tls-client.ts'
import { openWebSocket } from './websocket-hop.ts'

export interface Subrequest {
  /** Whose it is: connections and bounds are never shared between apps. */
  app: string
  method: string
  url: string
  /** Flat: name, value, …; names in lower case. */
  headers: string[]
  /** The connection is to become a WebSocket's: `body` is sent over it. */
  isUpgrade?: boolean
  /** A stream is read once, so a redirect that would have it sent again fails. */
  body: null | Buffer | AsyncIterable<Buffer>
  redirect: 'follow' | 'manual' | 'error'
  /** Ends the subrequest and its connection, until its body has been read or destroyed. */
  signal: CancelSignal
  /** For what it takes to connect, and to read the answer beyond what its bytes explain. */
  payer?: Payer
}

export interface SubresponseHead {
  status: number
  statusText: string
  /** After redirects, without fragment. */
  url: string
  redirected: boolean
  /** Flat: name, value, …; names in lower case, values of one name joined, except for Set-Cookie. */
  headers: string[]
  /** Decoded. It must be read or destroyed. */
  body: IncomingBody | null
}

/** Whoever answers subrequests. */
export interface Upstream {
  fetch(request: Subrequest): Promise<SubresponseHead>
}

/** Bounds of a `Fetcher`, beyond those that operators set. Sources: undici's defaults unless a reason is given. */
const DEFAULTS = {
  connectionsMax: 4096,
  connectionsPerOriginMax: 256,
  /** As many requests as an app may have in flight by default (`queueMax`). */
  underWayPerAppMax: 1000,
  connectMs: 10_000,
  keepAliveMs: 4000,
  keepAliveMsMax: 60_000,
  /** As long as Cloudflare waits between two reads from an origin. */
  timeoutMs: 100_000,
  headerBytesMax: 65_536,
  windowBytesPerAppMax: 64 * 2 ** 20,
}

export type FetcherOptions = Pick<ConnectionOptions, 'egress'> &
  Partial<typeof DEFAULTS> & {
    /** Default: one that asks the system's name servers. */
    resolver?: Resolver
    /** Default: none, so that https: fails. */
    tls?: TlsConnector
  }

/** https://fetch.spec.whatwg.org/#http-redirect-fetch */
const REDIRECTS_MAX = 20

export class Fetcher implements Upstream, AsyncDisposable {
  readonly #connections: Connections
  readonly #budget: WindowBudget
  readonly #headerBytesMax: number

  constructor(options: FetcherOptions) {
    const bounds = { ...DEFAULTS, ...options }
    this.#connections = new Connections({
      ...bounds,
      resolver: options.resolver ?? new Resolver(),
      tls: options.tls ?? NO_TLS,
    })
    this.#budget = new WindowBudget(bounds.windowBytesPerAppMax)
    this.#headerBytesMax = bounds.headerBytesMax
  }

  /** How many connections are open, and how many of them idle. */
  get connections(): { open: number; idle: number } {
    return this.#connections.size
  }

  /** Resolves with the head as soon as it has come. Rejects with a `SubrequestError`; never throws. */
  async fetch(request: Subrequest): Promise<SubresponseHead> {
    try {
      return await this.#fetch(request)
    } catch (error) {
      throw explain(error)
    }
  }

  async [Symbol.asyncDispose]() {
    await this.#connections[Symbol.asyncDispose]()
  }

  async #fetch(request: Subrequest): Promise<SubresponseHead> {
    const { app, redirect, signal } = request
    if (request.isUpgrade) return await this.#upgrade(request)
    let hop = checkedHop(request, this.#headerBytesMax)
    for (let redirects = 0; ; redirects++) {
      if (signal.aborted) throw new SubrequestError('the subrequest was aborted')
      const connection = await this.#connections.lease(app, hop.url.origin, signal)
      if (request.payer) connection.paidBy(request.payer)
      const response = await send(connection, hop, signal)
      const { location } = response.headers
      if (
        !isRedirect(response.status) ||
        redirect === 'manual' ||
        (redirect === 'follow' && location === undefined)
      ) {
        return this.#head(app, hop, response, redirects > 0)
      }
      // Waiting for the rest of it would cost more than the connection is worth.
      response.body?.destroy()
      if (redirect !== 'follow')
        throw new SubrequestError('the server redirects, and the app asked for an error then')
      if (redirects === REDIRECTS_MAX) throw new SubrequestError(`more than ${REDIRECTS_MAX} redirects`)
      hop = redirected(hop, response.status, location!)
    }
  }

  async #upgrade({ app, url, headers, body, signal, payer }: Subrequest): Promise<SubresponseHead> {
    const hop = checkedHop({ method: 'GET', url, headers, body: null }, this.#headerBytesMax)
    const connection = await this.#connections.lease(app, hop.url.origin, signal)
    if (payer) connection.paidBy(payer)
    const response = await openWebSocket(connection, { ...hop, body }, signal)
    return {
      status: response.status,
      statusText: response.statusText,
      url: hop.url.href,
      redirected: false,
      headers: flatHeaders(response.headers, false),
      body: response.body,
    }
  }

  async #head(
    app: string,
    { url }: HopRequest,
    response: HopResponse,
    redirected: boolean,
  ): Promise<SubresponseHead> {
    const { status, statusText, headers, body } = response
    const encoding = headers['content-encoding']
    const coded = body && encoding !== undefined ? body.stream() : null
    const decoded =
      coded &&
      (await decode(coded, String(encoding), { app, budget: this.#budget }).catch(error => {
        coded.destroy()
        throw error
      }))
    return {
      status,
      statusText,
      url: withoutHash(url),
      redirected,
      headers: flatHeaders(headers, decoded !== null),
      body: coded ? streamed(decoded ?? coded) : body,
    }
  }
}

function withoutHash({ href }: URL): string {
  const hash = href.indexOf('#')
  return hash === -1 ? href : href.slice(0, hash)
}
