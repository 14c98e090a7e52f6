/**
 * A response on its way to the client: what has been sent of it, what the app has promised, and whether the client
 * keeps up. It goes to node:http's response, or to the client's connection once that is a WebSocket's.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import type { Exchange } from '../scheduler/exchange.ts'
import { ResponseCredit } from './response-credit.ts'
import { isBodyless, responseHead } from './response-head.ts'
import { switchProtocols } from './upgrade.ts'

interface HeadOptions {
  requestId: string
  /** Of the app's headers. */
  bytesMax: number
}

export class ClientResponse {
  readonly #response: ServerResponse
  #out: Writable
  readonly #credit: ResponseCredit
  /** 0: the head has not been sent. */
  status = 0
  /** By performance.now(); 0: not yet. */
  firstByteAt = 0
  /** Of the body, sent so far. */
  bytes = 0
  /** By performance.now(): when the app sent something last. */
  sentAt = 0
  /** The client gets none of the body, whatever the app sends. */
  isBodyless = false
  /** Bytes still to come, as far as the app has promised; -1: it has not. */
  #promised = -1

  constructor(exchange: Exchange, response: ServerResponse) {
    this.#response = response
    this.#out = response
    this.#credit = new ResponseCredit(exchange)
  }

  get hasBegun(): boolean {
    return this.status !== 0
  }

  /** The connection is a WebSocket's: node:http knows no more of it. */
  get isSwitched(): boolean {
    return this.#out !== this.#response
  }

  /** All of it has left. */
  get isFinished(): boolean {
    return this.#out.writableFinished
  }

  /** Bytes that wait for the client. */
  get bytesHeld(): number {
    return this.#out.writableLength
  }

  /** Since when the client has not taken what was written, by performance.now(); 0: it has. */
  get stalledSince(): number {
    return this.#credit.stalledSince
  }

  /** Sends the app's head, and the whole body unless it is null. Says what is wrong with them, or null. */
  send(
    { status, headers, body }: { status: number; headers: readonly string[]; body: Buffer | string | null },
    { method, requestId, bytesMax, isLast }: HeadOptions & { method: string; isLast: boolean },
  ): string | null {
    const head = responseHead(status, headers, { bytesMax })
    if (typeof head === 'string') return head
    const bodyless = isBodyless(method, status)
    const length = body === null || bodyless ? head.contentLength : body.length
    const hasLength = length !== -1 && status !== 204
    const sent = hasLength ? head.headers.concat('content-length', String(length)) : head.headers.slice()
    sent.push('x-request-id', requestId)
    if (!this.#writeHead(status, sent, isLast)) return 'The app’s response headers are malformed.'
    if (bodyless) {
      this.isBodyless = true
      this.#end()
    } else if (body !== null) {
      this.bytes = body.length
      this.#end(body)
    } else {
      this.#promised = head.contentLength
      process.nextTick(flushHead, this)
    }
    return null
  }

  /** Sends the platform's own answer; `body` is null for HEAD. */
  answer(
    status: number,
    headers: string[],
    { body, isLast }: { body: Buffer | null; isLast: boolean },
  ): void {
    this.#writeHead(status, headers, isLast)
    if (body === null) return this.#end()
    this.bytes = body.byteLength
    this.#end(body)
  }

  /** Answers with a WebSocket, which the connection is from now on. Says what is wrong with the headers, or null. */
  switchTo(
    socket: Socket,
    { request, headers, ...options }: HeadOptions & { request: IncomingMessage; headers: readonly string[] },
  ): string | null {
    const wrong = switchProtocols({ request, response: this.#response, socket }, { headers, ...options })
    if (wrong !== null) return wrong
    this.#out = socket
    this.#noteHead(101)
    this.sentAt = this.firstByteAt
    return null
  }

  /** Sends the head on its own, unless some of the body has come along. */
  flushHead(): void {
    if (this.bytes === 0 && !this.#out.writableEnded && !this.#out.destroyed) this.#response.flushHeaders()
  }

  /** Sends a piece of the body. Says what is wrong with that, or null. */
  write(chunk: Buffer): string | null {
    if (this.#promised !== -1) {
      if (chunk.length > this.#promised) return 'The app sent more than its Content-Length.'
      this.#promised -= chunk.length
    }
    this.bytes += chunk.length
    this.sentAt = performance.now()
    const hadCredit = this.#credit.written(chunk.length, this.#out.write(chunk))
    return hadCredit ? null : 'The app sent more than it had credit for.'
  }

  /** The app has promised more than it has sent. */
  get isShort(): boolean {
    return this.#promised > 0
  }

  /** Nothing more comes from the app. */
  finish(): void {
    if (!this.#out.writableEnded) this.#end()
  }

  /** Has the client see that this is not the response's end, unless it was. */
  breakOff(): void {
    if (!this.#out.writableEnded) this.#out.destroy()
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#out.destroy()
  }

  /** The client has taken what was written. */
  drained(): void {
    this.#credit.drained()
  }

  /** False if node:http finds a name or value that it will not send. */
  #writeHead(status: number, headers: string[], isLast: boolean): boolean {
    if (isLast) headers.push('connection', 'close')
    try {
      this.#response.writeHead(status, headers)
    } catch {
      return false
    }
    this.#noteHead(status)
    return true
  }

  #noteHead(status: number): void {
    this.status = status
    this.firstByteAt = performance.now()
  }

  #end(body?: Buffer | string): void {
    if (this.isSwitched) (this.#out as Socket).destroySoon()
    else if (body === undefined) this.#response.end()
    else if (typeof body === 'string') this.#response.end(body, 'latin1')
    else this.#response.end(body)
    if (this.#out.writableLength > 0) this.#credit.stall()
  }
}

function flushHead(response: ClientResponse): void {
  response.flushHead()
}
