/** What an exchange is told when it begins, and who it belongs to. */
import type { Socket } from 'node:net'
import type { Rejection } from '../channels.ts'
import type { Config } from '../config.ts'
import { BODY_WINDOW } from '../runtime/protocol.ts'
import type { Dispatcher } from '../scheduler/dispatch.ts'
import type { HttpExchange } from './http-exchange.ts'

/** The proxy, as its exchanges see it. */
export interface ExchangeHost {
  readonly config: Pick<
    Config,
    'traceContext' | 'requestBodyBytesMax' | 'responseHeaderBytesMax' | 'clientIdleMs' | 'webSocketIdleMs'
  >
  readonly dispatcher: Dispatcher
  /** Connections are to be closed after the response under way. */
  readonly stopping: boolean
  /** An exchange's connection is a WebSocket's now. */
  onSwitched(): void
  /** The exchange is over. */
  onSettled(exchange: HttpExchange): void
}

export interface ExchangeOptions {
  /** The request's target as the client sent it. */
  target: string
  clientIp: string
  /** The client waits for a 100 before it sends the body. */
  expectsContinue: boolean
  /** The client's connection, where it asks for a WebSocket. */
  upgrade: Socket | null
}

/** An answer that the proxy gives by itself, where the outcome's own would say too little. */
export interface Refusal {
  status?: number
  message?: string
  rejection?: Rejection
}

/**
 * Response bytes that may wait for the client. An app has credit for a window; a long text goes over it by a piece,
 * and by what its characters take in UTF-8. More comes only from a runtime that breaks the protocol.
 */
export const OWED_BYTES_MAX = 8 * BODY_WINDOW

/** Credit is granted for as much at a time: each grant wakes the app, which still has the rest of its window. */
export const GRANT_BYTES_MIN = BODY_WINDOW / 2
