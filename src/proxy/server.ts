/**
 * The front door: an HTTP/1.1 server that makes an exchange of each request and hands it to the scheduler. It
 * reads heads only; bodies stream past it. Slow, silent and malformed clients cost a bounded amount of it.
 */
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { DenseSet } from '../scheduler/dense-set.ts'
import type { Dispatcher } from '../scheduler/dispatch.ts'
import { answerToParseError, writeRawAnswer } from './client-error.ts'
import type { ExchangeHost } from './exchange-host.ts'
import { HttpExchange } from './http-exchange.ts'
import { ProxyRequest, ProxyResponse } from './http-messages.ts'
import { Lingering } from './lingering.ts'
import type { Answer } from './status.ts'
import { asksForWebSocket } from './upgrade.ts'

export type ProxyConfig = ExchangeHost['config'] &
  Pick<
    Config,
    | 'listen'
    | 'stopGraceMs'
    | 'connectionsMax'
    | 'pipelineMax'
    | 'headersMs'
    | 'keepAliveMs'
    | 'requestHeaderBytesMax'
  >

export interface ProxyOptions {
  config: ProxyConfig
  scheduler: Dispatcher
}

export interface ProxyStats {
  /** Requests under way. */
  inFlight: number
  /** Clients' connections, and those of them that are WebSockets. */
  connections: number
  webSockets: number
  /** Connections closed at once since the start, as there were `connectionsMax`. */
  refused: number
}

/** How often slow clients are looked for. */
const SWEEP_MS = 1000

const kClient = Symbol('client')
const kExpectation = Symbol('expectation')

type Request = ProxyRequest & { originalUrl?: string; [kExpectation]?: 'continue' | 'unknown' }
type ClientSocket = Socket & { [kClient]?: Client }

/** What is known of a client's connection. */
interface Client {
  ip: string
  /** The last exchange begun on it. */
  exchange: HttpExchange
  /** Exchanges on it that are not over. */
  open: number
  /** What it sent after its last whole request is none: this is what to say once those are answered. */
  answer: Answer | null
}

/** The proxy, listening nowhere yet. */
export function createProxy(options: ProxyOptions): ProxyServer {
  return new ProxyServer(options)
}

export class ProxyServer implements ExchangeHost, AsyncDisposable {
  readonly config: ProxyConfig
  readonly dispatcher: Dispatcher
  readonly #fastify: FastifyInstance
  readonly #exchanges = new DenseSet<HttpExchange>()
  readonly #lingering = new Lingering()
  #connections = 0
  #webSockets = 0
  #refused = 0
  #sweeper: NodeJS.Timeout | null = null
  #closed: Promise<void> | null = null
  stopping = false

  constructor({ config, scheduler }: ProxyOptions) {
    this.config = config
    this.dispatcher = scheduler
    this.#fastify = fastify({
      // Every request matches the one route, whatever its target: targets are the scheduler's to understand.
      rewriteUrl: () => '/',
      genReqId: () => '',
      exposeHeadRoutes: false,
      return503OnClosing: false,
      keepAliveTimeout: config.keepAliveMs,
      // A body may take as long as it makes progress, which the sweep sees to.
      requestTimeout: 0,
      clientErrorHandler: (error, socket) => this.#onClientError(error, socket),
      http: {
        maxHeaderSize: config.requestHeaderBytesMax,
        headersTimeout: config.headersMs,
        connectionsCheckingInterval: Math.min(1000, Math.ceil(config.headersMs / 2)),
        // Answered with an explanation and an event instead.
        requireHostHeader: false,
        shouldUpgradeCallback: asksForWebSocket,
        // A request without a body is no stream that has to be read to its end.
        optimizeEmptyRequests: true,
        IncomingMessage: ProxyRequest,
        ServerResponse: ProxyResponse as unknown as typeof http.ServerResponse,
      },
    })
    this.#configure()
  }

  /** Opens the port. Rejects with LISTEN_FAILED. */
  async listen(): Promise<{ host: string; port: number }> {
    const { host, port } = this.config.listen
    try {
      await this.#fastify.listen({ host, port, backlog: 1024 })
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const why = code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${code ?? message})`
      throw new VitrineError(
        'LISTEN_FAILED',
        `Port ${port} on ${host} ${why}: stop what listens there, or choose another with --listen`,
      )
    }
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS)
    this.#sweeper.unref()
    return { host, port: (this.#fastify.server.address() as AddressInfo).port }
  }

  stats(): ProxyStats {
    return {
      inFlight: this.#exchanges.size,
      connections: this.#connections,
      webSockets: this.#webSockets,
      refused: this.#refused,
    }
  }

  /**
   * Takes no new connections, closes those that are idle, and lets requests in flight finish for at most
   * `graceMs`; then their connections are cut.
   */
  async stop(graceMs: number = this.config.stopGraceMs): Promise<void> {
    this.stopping = true
    this.#closed ??= this.#fastify.close()
    const { server } = this.#fastify
    const cut = setTimeout(() => {
      server.closeAllConnections()
      this.#exchanges.sweep(exchange => exchange.cut())
    }, graceMs)
    // A connection that falls idle now would stay until its client leaves.
    const tidy = setInterval(() => server.closeIdleConnections(), 50)
    await this.#closed
    clearTimeout(cut)
    clearInterval(tidy)
    if (this.#sweeper) clearInterval(this.#sweeper)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0)
  }

  onSwitched(): void {
    this.#webSockets++
  }

  onSettled(exchange: HttpExchange): void {
    this.#exchanges.delete(exchange)
    if (exchange.isSwitched) this.#webSockets--
    const { request } = exchange
    const { socket } = request
    const client = (socket as ClientSocket)[kClient]
    if (client && --client.open === 0 && client.answer && socket.writable)
      writeRawAnswer(socket, client.answer)
    if (!request.complete) this.#lingering.add(request)
  }

  #configure(): void {
    const app = this.#fastify
    const { server } = app
    for (const method of METHODS) app.addHttpMethod(method, { hasBody: false, overrideExisting: true })
    app.route({
      method: METHODS,
      url: '/',
      handler: (request, reply) => {
        reply.hijack()
        this.#begin(request.raw as Request, reply.raw as ProxyResponse)
      },
    })
    // What Fastify would do for each request on the way to the one route is done for nobody here.
    server.removeAllListeners('request')
    server.on('request', (request: Request, response: ProxyResponse) => this.#begin(request, response))
    server.maxConnections = this.config.connectionsMax
    server.on('drop', () => this.#refused++)
    server.on('connection', (socket: Socket) => {
      this.#connections++
      socket.once('close', () => this.#connections--)
    })
    server.on('checkContinue', (request: Request, response: ProxyResponse) => {
      request[kExpectation] = 'continue'
      server.emit('request', request, response)
    })
    server.on('checkExpectation', (request: Request, response: ProxyResponse) => {
      request[kExpectation] = 'unknown'
      server.emit('request', request, response)
    })
    server.on('upgrade', (request: Request, socket: Socket, head: Buffer) => {
      this.#onUpgrade(request, socket, head)
    })
    server.on('connect', (_request: IncomingMessage, socket: Socket) => {
      // Node has let go of the connection: what else is asked on it cannot be answered in its turn.
      if ((socket as ClientSocket)[kClient]?.open) return void socket.destroy()
      writeRawAnswer(socket, { status: 501, message: 'CONNECT is not served.' })
    })
  }

  /** Until the app has answered, the request is one like any other, on a connection that ends with it. */
  #onUpgrade(request: Request, socket: Socket, head: Buffer): void {
    // Node has let go of the connection: requests before this one cannot be answered any more.
    if ((socket as ClientSocket)[kClient]?.open) return void socket.destroy()
    socket.on('error', ignore)
    socket.setTimeout(0)
    if (head.length > 0) socket.unshift(head)
    const response = new ProxyResponse(request)
    response.assignSocket(socket)
    response.on('finish', () => socket.destroySoon())
    this.#begin(request, response, socket)
  }

  #begin(request: Request, response: ProxyResponse, upgrade: Socket | null = null): void {
    const socket = request.socket as ClientSocket
    const known = socket[kClient]
    // Whether the client means this as a request is past telling. Node would read on and keep what it finds.
    if (known?.exchange.isLast) return void socket.pause()
    const clientIp = known?.ip ?? addressOf(socket)
    const expectation = request[kExpectation]
    const exchange = new HttpExchange(
      this,
      { request, response },
      {
        target: request.originalUrl ?? request.url ?? '',
        clientIp,
        expectsContinue: expectation === 'continue',
        upgrade,
      },
    )
    const client = known ?? { ip: clientIp, exchange, open: 0, answer: null }
    socket[kClient] = client
    client.exchange = exchange
    client.open++
    response.exchange = exchange
    this.#exchanges.add(exchange)
    if (client.open > this.config.pipelineMax) {
      // All of them may be answered at length and none of it be read.
      const message = `More than ${this.config.pipelineMax} requests are under way on this connection.`
      exchange.refuse({ status: 429, rejection: 'malformed', message })
    } else if (expectation === 'unknown') {
      exchange.refuse({ status: 417, rejection: 'malformed', message: 'The expectation cannot be met.' })
    } else {
      exchange.begin()
    }
  }

  /** The HTTP parser could not make sense of what a client sent, or the client took too long. */
  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const client = (socket as ClientSocket)[kClient]
    const answer = answerToParseError(error)
    if (!answer || !socket.writable) return void socket.destroy(error)
    if (!client) return writeRawAnswer(socket, answer)
    // Each piece of what follows is an error again.
    if (client.answer) return
    const { exchange } = client
    const isAfterRequest = exchange.request.complete
    if (isAfterRequest && client.open === 0) return writeRawAnswer(socket, answer)
    client.answer = answer
    // Requests that came whole are answered, in their turn; onSettled says the rest.
    if (isAfterRequest) return
    if (exchange.responded) return void socket.destroy(error)
    exchange.response.once('finish', () => socket.destroySoon())
    exchange.onMalformedBody(answer.status)
  }

  #sweep(): void {
    const now = performance.now()
    this.#exchanges.sweep(exchange => exchange.checkIdle(now))
    this.#lingering.sweep()
  }
}

/** CONNECT has an event of its own. */
const METHODS = http.METHODS.filter(method => method !== 'CONNECT')

/** What breaks a connection closes it too, which is told. */
function ignore(): void {}

/** The client's address; an IPv4 address that came in by IPv6 is written as what it is. */
function addressOf(socket: Socket): string {
  const address = socket.remoteAddress ?? ''
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
