/**
 * One HTTP request and its response: an exchange whose client end is node:http.
 *
 * Whatever the app, the platform or the client do, the client gets one response or sees its connection break, and
 * exactly one event tells how it ended.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { limitChannel, requestChannel } from '../channels.ts'
import type { Outcome } from '../outcome.ts'
import { Dispatch, type DispatchedExchange } from '../scheduler/dispatch.ts'
import type { ExchangeLink } from '../scheduler/exchange.ts'
import { traceIdOf } from '../trace-context.ts'
import { errorResponse } from './error-page.ts'
import type { ExchangeHost, ExchangeOptions, Refusal } from './exchange-host.ts'
import { openRequest } from './opening.ts'
import { RequestBody } from './request-body.ts'
import { requestIdFrom } from './request-id.ts'
import { ResponseCredit } from './response-credit.ts'
import { isBodyless, responseHead } from './response-head.ts'
import { answerTo } from './status.ts'
import { switchProtocols } from './upgrade.ts'

export class HttpExchange implements DispatchedExchange {
  readonly requestId: string
  readonly traceId: string
  readonly method: string
  readonly hasBody: boolean
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly dispatch: Dispatch
  link: ExchangeLink | null = null
  responded = false
  /** The connection ends with the response: nothing that follows on it is a request. */
  isLast: boolean
  host = ''
  /** Index in the proxy's list of exchanges. */
  slot = -1
  readonly #host: ExchangeHost
  readonly #options: ExchangeOptions
  readonly #startedAt = performance.now()
  readonly #body: RequestBody | null
  #url: string
  #head = ''
  #outcome: Outcome | null = null
  /** In place of the outcome's own answer. */
  #refusal: Refusal | null = null
  #status = 0
  #firstByteAt = 0
  #cpuMs = 0
  #bytesOut = 0
  /** Response bytes still to come, as far as the app has promised; -1: it has not. */
  #promised = -1
  #swallow = false
  readonly #credit = new ResponseCredit(this)
  #settled = false
  /** What the response goes to: node:http's, or the client's connection once that is a WebSocket's. */
  #out: Writable
  /** By performance.now(): when the app sent something last. */
  #sentAt = 0

  constructor(
    host: ExchangeHost,
    { request, response }: { request: IncomingMessage; response: ServerResponse },
    options: ExchangeOptions,
  ) {
    const { headers } = request
    this.#host = host
    this.#options = options
    this.request = request
    this.response = response
    this.#out = response
    const { upgrade } = options
    this.method = request.method ?? ''
    this.#url = options.target
    this.requestId = requestIdFrom(headers['x-request-id'] as string | undefined)
    this.traceId = host.config.traceContext ? traceIdOf(headers.traceparent as string | undefined) : ''
    // Of what comes behind an upgrade that is not taken up, node:http loses the beginning.
    this.isLast = headers.upgrade !== undefined
    const length = headers['content-length']
    this.hasBody =
      upgrade !== null ||
      headers['transfer-encoding'] !== undefined ||
      (length !== undefined && Number(length) > 0)
    this.#body = this.hasBody
      ? new RequestBody(this, upgrade ?? request, {
          bytesMax: upgrade ? Infinity : host.config.requestBodyBytesMax,
          onTooLong: () => this.#giveUp({ rejection: 'body_too_large' }),
        })
      : null
    this.dispatch = new Dispatch(this)
  }

  /** Path without query. */
  get path(): string {
    const query = this.#url.indexOf('?')
    return query === -1 ? this.#url : this.#url.slice(0, query)
  }

  get bodyIntact(): boolean {
    return this.#body === null || this.#body.intact
  }

  /** Has the request served, or refuses it. */
  begin(): void {
    const { target, clientIp, upgrade } = this.#options
    const { host, url, head, refusal } = openRequest(this.request, {
      target,
      clientIp,
      requestId: this.requestId,
      isUpgrade: upgrade !== null,
      bodyBytesMax: this.#host.config.requestBodyBytesMax,
    })
    this.host = host
    this.#url = url
    if (refusal) return this.refuse(refusal)
    this.#head = head
    this.#host.dispatcher.dispatch(this)
  }

  /** Answers in the app's place, before it was asked. */
  refuse(refusal: Refusal): void {
    this.#refusal = refusal
    this.dispatch.rejection = refusal.rejection
    this.onFail('canceled', '')
  }

  get bytesLent(): number {
    return this.#bytesOut
  }

  get bytesHeld(): number {
    return this.#out.writableLength
  }

  head(): string {
    return this.#head
  }

  onSent(credit: number): void {
    if (!this.#body) return
    if (this.#options.expectsContinue && !this.#body.started) this.response.writeContinue()
    this.#body.start(credit)
  }

  onCredit(bytes: number): void {
    this.#body?.grant(bytes)
  }

  onHead(status: number, headers: readonly string[], body: Buffer | string | null): void {
    if (this.#outcome !== null || this.responded) return
    if (status === 101 && this.#options.upgrade) return this.#switch(this.#options.upgrade, headers)
    const bytesMax = this.#host.config.responseHeaderBytesMax
    const head = responseHead(status, headers, { bytesMax })
    if (typeof head === 'string') return this.#break(head)
    const bodyless = isBodyless(this.method, status)
    const length = body === null || bodyless ? head.contentLength : body.length
    const hasLength = length !== -1 && status !== 204
    const sent = hasLength ? head.headers.concat('content-length', String(length)) : head.headers.slice()
    sent.push('x-request-id', this.requestId)
    if (!this.#writeHead(status, sent)) {
      return this.#break('The app’s response headers are malformed.')
    }
    this.#body?.commit()
    if (bodyless) {
      this.#swallow = true
      this.#end()
    } else if (body !== null) {
      this.#bytesOut = body.length
      this.#end(body)
    } else {
      this.#promised = head.contentLength
      process.nextTick(flushHead, this)
    }
  }

  /** Sends the head on its own, unless some of the body has come along. */
  flushHead(): void {
    if (this.#outcome === null && this.#bytesOut === 0) this.response.flushHeaders()
  }

  onChunk(chunk: Buffer): void {
    const { link } = this
    if (this.#outcome !== null) return
    if (this.#swallow) return link?.client.grant(this, chunk.length)
    if (this.#promised !== -1) {
      if (chunk.length > this.#promised) return this.#break('The app sent more than its Content-Length.')
      this.#promised -= chunk.length
    }
    this.#bytesOut += chunk.length
    this.#sentAt = performance.now()
    if (!this.#credit.written(chunk.length, this.#out.write(chunk)))
      this.#break('The app sent more than it had credit for.')
  }

  onEnd(cpuMs: number): void {
    if (this.#outcome !== null) return
    this.#cpuMs = cpuMs
    if (this.#promised > 0) return this.#break('The app sent less than its Content-Length.')
    this.#outcome = 'ok'
    if (!this.#out.writableEnded) this.#end()
  }

  onFail(outcome: Outcome, message: string, cpuMs = 0): void {
    if (this.#outcome !== null) return
    this.#outcome = outcome
    this.#cpuMs = cpuMs
    this.#body?.stop()
    if (this.responded) {
      // All that is left is to have the client see that this is not the response's end, unless it was.
      if (!this.#out.writableEnded) this.#out.destroy()
      return
    }
    const { rejection, retryAfterSeconds } = this.dispatch
    const answer = { ...answerTo(outcome, rejection), ...this.#refusal }
    const { headers, body } = errorResponse({
      ...answer,
      message: (!answer.isPrivate && message) || answer.message,
      outcome,
      requestId: this.requestId,
      retryAfterSeconds,
      accept: this.request.headers.accept,
    })
    this.#writeHead(answer.status, headers)
    if (this.method === 'HEAD') return this.#end()
    this.#bytesOut = body.byteLength
    this.#end(body)
  }

  /** The client has taken what was written. */
  onDrain(): void {
    this.#credit.drained()
  }

  /** The response has left, or its client has. */
  onClose(): void {
    if (this.#outcome === null) {
      // A response without a body may be complete before the app is.
      const complete = this.#swallow && this.#out.writableFinished
      this.#outcome = complete ? 'ok' : this.responded ? 'responseStreamDisconnected' : 'canceled'
      this.#host.dispatcher.cancel(this)
    }
    this.#settle()
  }

  /** What the client sends of the body cannot be read. */
  onMalformedBody(status: number): void {
    this.#giveUp({ status, rejection: 'malformed', message: 'The request’s body is malformed.' })
  }

  /** The connection is a WebSocket's: node:http knows no more of it. */
  get isSwitched(): boolean {
    return this.#out !== this.response
  }

  /** Cuts the connection, if it is a WebSocket's. */
  cut(): void {
    if (this.isSwitched) this.#out.destroy()
  }

  /** Gives up on a client that neither sends nor takes anything. */
  checkIdle(now: number): void {
    if (this.isSwitched && this.#isSilent(now)) return this.cut()
    const idleBefore = now - this.#host.config.clientIdleMs
    const waitingSince = this.#body?.waitingSince ?? 0
    const { stalledSince } = this.#credit
    if (stalledSince !== 0 && stalledSince < idleBefore) {
      this.onClose()
      this.#out.destroy()
    } else if (
      !this.isSwitched &&
      this.#options.upgrade === null &&
      waitingSince !== 0 &&
      waitingSince < idleBefore
    ) {
      this.#giveUp({
        status: 408,
        rejection: 'malformed',
        message: 'The request’s body did not arrive in time.',
      })
    }
  }

  #isSilent(now: number): boolean {
    const heardAt = this.#body?.waitingSince || now
    return Math.max(heardAt, this.#sentAt) < now - this.#host.config.webSocketIdleMs
  }

  /** The app has answered with a WebSocket. */
  #switch(socket: Socket, headers: readonly string[]): void {
    const { request, response, requestId } = this
    const bytesMax = this.#host.config.responseHeaderBytesMax
    const wrong = switchProtocols({ request, response, socket }, { headers, requestId, bytesMax })
    if (wrong !== null) return this.#break(wrong)
    this.#out = socket
    this.#host.onSwitched()
    this.#status = 101
    this.responded = true
    this.#firstByteAt = performance.now()
    this.#sentAt = this.#firstByteAt
    this.#body?.commit()
    socket.on('drain', () => this.onDrain())
    socket.on('close', () => this.onClose())
  }

  /** Ends the exchange for the client's fault, while the app may be at work. */
  #giveUp(refusal: Refusal): void {
    if (this.#outcome !== null) return
    const { app } = this.dispatch
    if (refusal.rejection === 'body_too_large' && app !== '') {
      limitChannel.publish({ app, limit: 'request_body' })
    }
    this.#host.dispatcher.cancel(this)
    this.refuse(refusal)
  }

  /** Ends the exchange for the app's fault: what it sends is no HTTP response. */
  #break(message: string): void {
    this.#host.dispatcher.cancel(this)
    this.onFail('internalError', message)
  }

  /** False if node:http finds a name or value that it will not send. */
  #writeHead(status: number, headers: string[]): boolean {
    this.isLast ||= this.#closesConnection()
    if (this.isLast) headers.push('connection', 'close')
    try {
      this.response.writeHead(status, headers)
    } catch {
      return false
    }
    this.#status = status
    this.responded = true
    this.#firstByteAt = performance.now()
    return true
  }

  #closesConnection(): boolean {
    // After a final response in place of a 100 nobody can tell whether the body will come. What follows a
    // malformed request may be anything; too long a body is one that its client can be expected to stop.
    const { stopping } = this.#host
    const unsure = this.#options.expectsContinue && !this.#body?.started
    return stopping || unsure || (this.#refusal !== null && this.#refusal.rejection !== 'body_too_large')
  }

  #end(body?: Buffer | string): void {
    if (this.isSwitched) this.#options.upgrade!.destroySoon()
    else if (body === undefined) this.response.end()
    else if (typeof body === 'string') this.response.end(body, 'latin1')
    else this.response.end(body)
    if (this.#out.writableLength > 0) this.#credit.stall()
  }

  #settle(): void {
    if (this.#settled) return
    this.#settled = true
    this.#body?.stop()
    this.#host.onSettled(this)
    if (requestChannel.hasSubscribers) this.#publish()
  }

  #publish(): void {
    const { app, version, queueMs, coldStart, retries, rejection } = this.dispatch
    const now = performance.now()
    const disconnected = !this.#out.writableFinished
    const outcome = this.#outcome === 'ok' && disconnected ? 'responseStreamDisconnected' : this.#outcome!
    requestChannel.publish({
      requestId: this.requestId,
      traceId: this.traceId,
      app,
      version,
      outcome,
      status: this.#status || answerTo(outcome, rejection).status,
      method: this.method,
      host: this.host,
      url: this.#url,
      clientIp: this.#options.clientIp,
      startedAt: performance.timeOrigin + this.#startedAt,
      durationMs: now - this.#startedAt,
      ttfbMs: this.#firstByteAt === 0 ? 0 : this.#firstByteAt - this.#startedAt,
      queueMs,
      cpuMs: this.#cpuMs,
      coldStart,
      retries,
      bytesIn: this.#body?.bytes ?? 0,
      bytesOut: this.#bytesOut,
      disconnected,
      ...(rejection !== undefined && { rejection }),
    })
  }
}

function flushHead(exchange: HttpExchange): void {
  exchange.flushHead()
}
