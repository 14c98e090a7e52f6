/**
 * One HTTP request and its response: an exchange whose client end is node:http.
 *
 * Whatever the app, the platform or the client do, the client gets one response or sees its connection break, and
 * exactly one event tells how it ended.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { limitChannel, requestChannel } from '../channels.ts'
import type { Outcome } from '../outcome.ts'
import { Dispatch, type DispatchedExchange } from '../scheduler/dispatch.ts'
import type { ExchangeLink } from '../scheduler/exchange.ts'
import { traceIdOf } from '../trace-context.ts'
import { ClientResponse } from './client-response.ts'
import { errorResponse } from './error-page.ts'
import type { ExchangeHost, ExchangeOptions, Refusal } from './exchange-host.ts'
import { openRequest } from './opening.ts'
import { RequestBody } from './request-body.ts'
import { requestIdFrom } from './request-id.ts'
import { answerTo } from './status.ts'

export class HttpExchange implements DispatchedExchange {
  readonly requestId: string
  readonly traceId: string
  readonly method: string
  readonly hasBody: boolean
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly dispatch: Dispatch
  link: ExchangeLink | null = null
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
  #cpuMs = 0
  #settled = false
  readonly #sent: ClientResponse

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
    this.#sent = new ClientResponse(this, response)
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
      ? new RequestBody(
          this,
          { request: upgrade ?? request, socket: request.socket },
          {
            bytesMax: upgrade ? Infinity : host.config.requestBodyBytesMax,
            onTooLong: () => this.#giveUp({ rejection: 'body_too_large' }),
          },
        )
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

  /** The client has been sent a head. */
  get responded(): boolean {
    return this.#sent.hasBegun
  }

  get bytesLent(): number {
    return this.#sent.bytes
  }

  get bytesHeld(): number {
    return this.#sent.bytesHeld
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
    const { upgrade } = this.#options
    const wrong =
      status === 101 && upgrade ? this.#switchTo(upgrade, headers) : this.#send(status, headers, body)
    if (wrong === null) this.#body?.commit()
    else this.#break(wrong)
  }

  onChunk(chunk: Buffer): void {
    if (this.#outcome !== null) return
    if (this.#sent.isBodyless) return this.link?.client.grant(this, chunk.length)
    const wrong = this.#sent.write(chunk)
    if (wrong !== null) this.#break(wrong)
  }

  onEnd(cpuMs: number): void {
    if (this.#outcome !== null) return
    this.#cpuMs = cpuMs
    if (this.#sent.isShort) return this.#break('The app sent less than its Content-Length.')
    // First: the end may close the connection, and that is no failure then.
    this.#outcome = 'ok'
    this.#sent.finish()
  }

  onFail(outcome: Outcome, message: string, cpuMs = 0): void {
    if (this.#outcome !== null) return
    this.#outcome = outcome
    this.#cpuMs = cpuMs
    this.#body?.stop()
    if (this.responded) return this.#sent.breakOff()
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
    const isLast = this.#noteLast()
    this.#sent.answer(answer.status, headers, { body: this.method === 'HEAD' ? null : body, isLast })
  }

  /** The client has taken what was written. */
  onDrain(): void {
    this.#sent.drained()
  }

  /** The response has left, or its client has. */
  onClose(): void {
    if (this.#outcome === null) {
      // A response without a body may be complete before the app is.
      const complete = this.#sent.isBodyless && this.#sent.isFinished
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
    return this.#sent.isSwitched
  }

  /** Cuts the connection, if it is a WebSocket's. */
  cut(): void {
    if (this.isSwitched) this.#sent.destroy()
  }

  /** Gives up on a client that neither sends nor takes anything. */
  checkIdle(now: number): void {
    if (this.isSwitched && this.#isSilent(now)) return this.cut()
    const idleBefore = now - this.#host.config.clientIdleMs
    const waitingSince = this.#body?.waitingSince ?? 0
    const { stalledSince } = this.#sent
    if (stalledSince !== 0 && stalledSince < idleBefore) {
      this.onClose()
      this.#sent.destroy()
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
    return Math.max(heardAt, this.#sent.sentAt) < now - this.#host.config.webSocketIdleMs
  }

  /** Says what is wrong with the app's head or body, or null. */
  #send(status: number, headers: readonly string[], body: Buffer | string | null): string | null {
    const { method, requestId } = this
    const bytesMax = this.#host.config.responseHeaderBytesMax
    return this.#sent.send(
      { status, headers, body },
      { method, requestId, bytesMax, isLast: this.#noteLast() },
    )
  }

  /** The app has answered with a WebSocket. Says what is wrong with its headers, or null. */
  #switchTo(socket: Socket, headers: readonly string[]): string | null {
    const { request, requestId } = this
    const bytesMax = this.#host.config.responseHeaderBytesMax
    const wrong = this.#sent.switchTo(socket, { request, headers, requestId, bytesMax })
    if (wrong !== null) return wrong
    this.#host.onSwitched()
    socket.on('drain', () => this.onDrain())
    socket.on('close', () => this.onClose())
    return null
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

  /** Whether the connection ends with the response that is about to be sent. */
  #noteLast(): boolean {
    this.isLast ||= this.#closesConnection()
    return this.isLast
  }

  #closesConnection(): boolean {
    // After a final response in place of a 100 nobody can tell whether the body will come. What follows a
    // malformed request may be anything; too long a body is one that its client can be expected to stop.
    const { stopping } = this.#host
    const unsure = this.#options.expectsContinue && !this.#body?.started
    return stopping || unsure || (this.#refusal !== null && this.#refusal.rejection !== 'body_too_large')
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
    const { status, firstByteAt, bytes, isFinished } = this.#sent
    const disconnected = !isFinished
    const outcome = this.#outcome === 'ok' && disconnected ? 'responseStreamDisconnected' : this.#outcome!
    requestChannel.publish({
      requestId: this.requestId,
      traceId: this.traceId,
      app,
      version,
      outcome,
      status: status || answerTo(outcome, rejection).status,
      method: this.method,
      host: this.host,
      url: this.#url,
      clientIp: this.#options.clientIp,
      startedAt: performance.timeOrigin + this.#startedAt,
      durationMs: now - this.#startedAt,
      ttfbMs: firstByteAt === 0 ? 0 : firstByteAt - this.#startedAt,
      queueMs,
      cpuMs: this.#cpuMs,
      coldStart,
      retries,
      bytesIn: this.#body?.bytes ?? 0,
      bytesOut: bytes,
      disconnected,
      ...(rejection !== undefined && { rejection }),
    })
  }
}
