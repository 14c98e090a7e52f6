/**
 * One HTTP request and its response on the way through the platform: the seam between proxy (which makes it
 * and owns the client's connection), scheduler (which chooses the instance) and runtime client (which carries
 * it). All calls are synchronous and none may throw.
 *
 * Towards the client an exchange sees, in this order: `onHead` once, `onChunk` any number of times, `onEnd`
 * once; or, at any moment and instead of what has not come yet, `onFail` once. After `onEnd` or `onFail` nothing
 * comes any more.
 */
import type { Outcome } from '../outcome.ts'
import type { RuntimeClient } from '../runtime/client.ts'

export interface Exchange {
  /** The `x-request-id`. */
  readonly requestId: string
  /** The trace that it belongs to; empty if it belongs to none. */
  readonly traceId: string
  readonly method: string
  readonly hasBody: boolean

  /**
   * The request as the sandbox reads it (sandbox/wire.ts): latin1 text, `method\nurl\n` and then
   * `name\nvalue\n` for each header.
   */
  head(): string

  /**
   * The response's head. `headers` is flat: name, value, name, value, …, validated. With `body` the response is
   * whole: no `onChunk` follows, `onEnd` does. A string body is latin1 text, one byte a character; a Buffer is lent.
   */
  onHead(status: number, headers: readonly string[], body: Buffer | string | null): void
  /** `chunk` is lent: it stays as it is until it has left. Then the receiver grants credit. */
  onChunk(chunk: Buffer): void
  /** Bytes of the response's body that it was lent so far. */
  readonly bytesLent: number
  /** How many of them, at most, have not left, the last ones: whoever lent them may not use their memory again. */
  readonly bytesHeld: number
  onEnd(cpuMs: number): void
  /** The app or the platform failed. `message` may be shown to the client; `cpuMs` is what the app used, if known. */
  onFail(outcome: Outcome, message: string, cpuMs?: number): void
  /** The app asks for more of the request body: `bytes` more may be sent. */
  onCredit(bytes: number): void

  /** Where the exchange runs now; set and cleared by the runtime client, read by the proxy to send the body. */
  link: ExchangeLink | null
}

/** An exchange's place in one runtime connection. */
export interface ExchangeLink {
  readonly client: RuntimeClient
  readonly instance: number
  readonly stream: number
  /** Whether the request has been handed to guest code, as far as is known. */
  entered: boolean
}
