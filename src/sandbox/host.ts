/**
 * What the Web APIs in the sandbox may ask of the host, and the shapes in which requests and responses pass
 * between them and the kernel (kernel.ts implements `Host`; nothing of this is reachable from guest code).
 */

import type { AbortSignal } from './abort.ts'
import type { ReadableStream } from './streams.ts'
import type { WebSocket } from './websocket.ts'

/** Where a body's bytes are. */
export type BodySource =
  /** A string still to be encoded as UTF-8: the host does that natively. */
  | { kind: 'text'; text: string }
  | { kind: 'bytes'; bytes: Uint8Array }
  /** Bytes that lie with the host under this id, until asked for: a request's body, a fetched response's. */
  | { kind: 'host'; id: number }
  | { kind: 'stream'; stream: ReadableStream<Uint8Array> }

export interface Host {
  /** The next bytes of a body that lies with the host; undefined at its end. Rejects if it broke off. */
  pull(id: number): Promise<Uint8Array | undefined>
  /** All remaining bytes, in one piece. `expectedBytes`: how many, as far as anybody has said; 0: nobody has. */
  collectBytes(id: number, expectedBytes: () => number): Promise<ArrayBuffer>
  /** All remaining bytes, decoded as UTF-8 by the host (BOM removed, malformed sequences replaced). */
  collectText(id: number): Promise<string>
  /** Nobody wants the rest. */
  cancel(id: number): void

  /** Sends a subrequest; rejects with a TypeError where fetch() would. `signal` aborts it. */
  fetch(request: OutgoingRequest, signal: AbortSignal | null): Promise<IncomingResponse>

  /** Asks the app's cache: GET, PUT, DELETE. The status CACHE_MISS: there is none. */
  cache(request: OutgoingRequest): Promise<IncomingResponse>

  /** Has the host hash the data as it is now: what does not leave at once is copied. */
  digest(
    algorithm: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512' | 'MD5',
    data: Uint8Array,
  ): Promise<ArrayBuffer>

  /** The same of all that a stream brings; never settles if the stream fails. */
  digestStream(
    algorithm: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512' | 'MD5',
    stream: ReadableStream<Uint8Array>,
  ): Promise<ArrayBuffer>

  /** An operation of crypto.subtle and its answer, in the form of subtle-message.ts. */
  subtle(message: Uint8Array): Promise<ArrayBuffer>

  /** Fills with random bytes that came from the host. */
  fillRandom(target: Uint8Array): void

  /** One line of console output. */
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string): void

  /** Milliseconds since the epoch, as Date.now() tells guests. */
  now(): number

  /** Runs `callback` once after `delayMs`, on behalf of the request that is being served now. */
  setTimer(callback: () => void, delayMs: number): number
  clearTimer(id: number): void

  /** An exception nobody caught: told to the developer, fatal to nothing. */
  reportException(error: unknown): void
}

/** `headers` is flat: name, value, …, names in lower case. */
export interface OutgoingRequest {
  method: string
  url: string
  headers: string[]
  body: BodySource | null
  redirect: 'follow' | 'manual' | 'error'
  /** The connection is to become a WebSocket's: `body` is what is sent over it, the response's what comes. */
  upgrade?: boolean
}

export interface IncomingResponse {
  status: number
  statusText: string
  /** After redirects. */
  url: string
  redirected: boolean
  /** Flat, names in lower case. */
  headers: string[]
  /** Id of the body with the host; null if there is none, or all of it is `text`. */
  body: number | null
  text: string | null
}

/** A guest's Response, as the kernel sends it. */
export interface OutgoingResponse {
  status: number
  statusText: string
  /** Flat, names in lower case, several of one name kept apart (Set-Cookie). */
  headers: string[]
  body: BodySource | null
  /** The end of a pair that becomes the client's. */
  webSocket: WebSocket | null
}
