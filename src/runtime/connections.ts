/**
 * The connections that apps' subrequests run on: HTTP/1.1, kept alive, each used by one request at a time.
 *
 * Apps share no connection, since one that leaves a connection out of step would have its neighbour read the
 * answer. Every number is bounded: what one app has under way, the connections to one origin (requests beyond
 * wait in line) and all connections (the one that has been idle for longest makes room).
 */
import type { CancelSignal } from './cancellation.ts'
import { type Connecting, type EgressPolicy, guardedConnect } from './egress.ts'
import { FairReads, type PiecewiseReads, type Reader } from './fair-reads.ts'
import type { Resolver } from './resolver.ts'
import { SubrequestError } from './subrequest-error.ts'
import type { TlsConnector } from './tls-client.ts'
import { Client } from './undici.ts'

export interface ConnectionOptions {
  egress: EgressPolicy
  tls: TlsConnector
  resolver: Resolver
  /** Open at once, of all apps. */
  connectionsMax: number
  /** Open at once to one origin, of one app. */
  connectionsPerOriginMax: number
  /** Subrequests of one app, those that wait in line included. */
  underWayPerAppMax: number
  /** For resolving, connecting and TLS's handshake together. */
  connectMs: number
  /** How long an idle connection is kept if the server does not say. */
  keepAliveMs: number
  /** The same at most, whatever the server says. */
  keepAliveMsMax: number
  /** Without the head of an answer, or without a next piece of its body. */
  timeoutMs: number
  /** Of a response. */
  headerBytesMax: number
}

/** CPU time that a connection takes of this thread from its beginning to its end, however little it carries. */
const OPENING_NS = 400_000

/** Whose doing it is that this thread works. Both are told CPU time in ns. */
export interface Payer {
  /** The request has to pay for it. */
  charge(ns: number): void
  /** The app is busy with it, and no request pays. */
  served(ns: number): void
}

const NOBODY: Payer = { charge() {}, served() {} }

interface App {
  readonly name: string
  readonly origins: Map<string, Origin>
  underWay: number
}

interface Origin {
  readonly url: string
  readonly app: App
  readonly connect: ReturnType<typeof guardedConnect>
  /** Used from the end, so that those too many grow old. */
  readonly idle: Connection[]
  /** In the order of their coming. */
  readonly waiting: Set<(outcome: Connection | Error) => void>
  open: number
}

/** Whoever has been given one calls `release` or `close` when done. */
export class Connection {
  readonly client: Client
  readonly origin: Origin
  readonly #owner: Connections
  #payer = NOBODY
  #isPaid = false
  /** Is called when a piece of what comes has been read. */
  onRead: () => void = IGNORED
  #connecting: Connecting | null = null
  #reads: PiecewiseReads | null = null
  readonly #reader: Reader

  constructor(owner: Connections, origin: Origin, options: ConnectionOptions) {
    this.#owner = owner
    this.origin = origin
    this.#reader = {
      app: origin.app.name,
      charge: ns => this.#payer.charge(ns),
      waits: ns => this.#payer.served(ns),
      ran: () => this.onRead(),
    }
    this.client = new Client(origin.url, {
      allowH2: false,
      connect: (target, done) => {
        this.#connecting = origin.connect(target, (...made) => {
          const [, socket] = made
          if (socket) this.#reads = owner.reads.attach(socket, this.#reader)
          done(...made)
        })
      },
      keepAliveTimeout: options.keepAliveMs,
      keepAliveMaxTimeout: options.keepAliveMsMax,
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      maxHeaderSize: options.headerBytesMax,
    })
    this.client.on('disconnect', () => owner.disconnected(this))
  }

  /** Until it is released; whoever is the first has caused it to be opened. */
  paidBy(payer: Payer) {
    this.#payer = payer
    if (!this.#isPaid) payer.served(OPENING_NS)
    this.#isPaid = true
  }

  /** It is no longer HTTP's. */
  upgraded() {
    this.#reads?.detach()
  }

  /** The exchange is over, and the connection in step. */
  release() {
    this.#payer = NOBODY
    this.onRead = IGNORED
    this.#owner.release(this)
  }

  /** Ends the connection at once, whatever it is doing. */
  close(reason: Error) {
    this.#owner.close(this, reason)
  }

  /** Resolves when the socket has closed. For `Connections`. */
  async destroy(reason: Error) {
    // Whoever calls may have been called by undici, whose state does not survive a destroy() from within.
    await null
    const destroyed = this.client.destroy(reason)
    // undici leaves alone a socket that is still connecting; an app must not be able to pile these up.
    this.#connecting?.destroy(reason)
    await destroyed
  }
}

const IGNORED = () => {}

export class Connections implements AsyncDisposable {
  /** For `Connection`. */
  readonly reads = new FairReads()
  readonly #options: ConnectionOptions
  readonly #apps = new Map<string, App>()
  readonly #open = new Set<Connection>()
  /** The one idle for longest comes first. */
  readonly #idle = new Set<Connection>()
  #disposed = false

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** How many are open, being opened included, and how many of them idle. */
  get size(): { open: number; idle: number } {
    return { open: this.#open.size, idle: this.#idle.size }
  }

  /** A connection for one exchange; it may still have to connect. Throws or rejects with a `SubrequestError`. */
  lease(appName: string, url: string, signal: CancelSignal): Connection | Promise<Connection> {
    const { underWayPerAppMax, connectionsPerOriginMax } = this.#options
    if (this.#disposed) throw new SubrequestError('the platform is stopping')
    const app = this.#apps.get(appName) ?? { name: appName, origins: new Map(), underWay: 0 }
    if (app.underWay >= underWayPerAppMax) {
      throw new SubrequestError(`more than ${underWayPerAppMax} subrequests of the app are under way`)
    }
    const origin = app.origins.get(url) ?? this.#origin(app, url)
    const idle = origin.idle.pop()
    const busy = !idle && origin.open >= connectionsPerOriginMax
    if (!idle && !busy) this.#makeRoom()

    app.underWay++
    if (idle) this.#idle.delete(idle)
    return idle ?? (busy ? this.#wait(origin, signal) : this.#connect(origin))
  }

  release(connection: Connection) {
    const { origin } = connection
    if (!this.#open.has(connection)) return
    origin.app.underWay--
    const [next] = origin.waiting
    if (next) return next(connection)
    origin.idle.push(connection)
    this.#idle.add(connection)
  }

  close(connection: Connection, reason: Error) {
    void connection.destroy(reason)
    if (!this.#open.delete(connection)) return
    const { origin } = connection
    origin.open--
    if (this.#idle.delete(connection)) origin.idle.splice(origin.idle.indexOf(connection), 1)
    else origin.app.underWay--

    const [next] = origin.waiting
    if (next) next(this.#connect(origin))
    else if (origin.open === 0) this.#forget(origin)
  }

  /** The socket has closed. While a request is under way it is undici that tells, or connects again. */
  disconnected(connection: Connection) {
    if (this.#idle.has(connection)) this.close(connection, new SubrequestError('the connection was idle'))
  }

  /** Ends whatever is under way. */
  async [Symbol.asyncDispose]() {
    this.#disposed = true
    const reason = new SubrequestError('the platform is stopping')
    const waiting = [...this.#apps.values()].flatMap(app => [...app.origins.values()].map(one => one.waiting))
    for (const line of waiting) for (const settle of line) settle(reason)
    await Promise.all(
      [...this.#open].map(connection => {
        this.close(connection, reason)
        return connection.destroy(reason)
      }),
    )
  }

  #origin(app: App, url: string): Origin {
    const { egress, tls, resolver, connectMs } = this.#options
    const connect = guardedConnect({
      app: app.name,
      tls,
      policy: egress,
      resolve: hostname => resolver.resolve(hostname, app.name),
      connectMs,
    })
    return { url, app, connect, idle: [], waiting: new Set(), open: 0 }
  }

  #connect(origin: Origin): Connection {
    const connection = new Connection(this, origin, this.#options)
    origin.open++
    this.#open.add(connection)
    this.#apps.set(origin.app.name, origin.app)
    origin.app.origins.set(origin.url, origin)
    return connection
  }

  #makeRoom() {
    if (this.#open.size < this.#options.connectionsMax) return
    const [oldest] = this.#idle
    if (!oldest) throw new SubrequestError('too many connections are open; try again later')
    this.close(oldest, new SubrequestError('the connection made room for another'))
  }

  #wait(origin: Origin, signal: CancelSignal): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: Connection | Error) => {
        origin.waiting.delete(settle)
        signal.removeEventListener('abort', abort)
        if (outcome instanceof Connection) return resolve(outcome)
        origin.app.underWay--
        reject(outcome)
      }
      const abort = () => settle(new SubrequestError('the subrequest was aborted'))
      origin.waiting.add(settle)
      signal.addEventListener('abort', abort)
    })
  }

  #forget({ app, url }: Origin) {
    app.origins.delete(url)
    if (app.origins.size === 0) this.#apps.delete(app.name)
  }
}
