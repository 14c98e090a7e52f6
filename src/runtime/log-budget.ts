/**
 * How much an instance may log. The sandbox keeps each request to its limits; this keeps the instance to a rate,
 * since each line costs the thread that serves all apps some microseconds, and watches that the sandbox does its part.
 */
import type { InstanceLimits } from './messages.ts'
import { PIECE_BYTES } from './protocol.ts'
import type { ServedRequest } from './served-request.ts'

/** How far beyond the sandbox's own limit a request's lines may go before they must be forged. */
const SLACK = 4
/** What a line costs besides its text. */
const LINE_BYTES = 64
/** An instance may log as much in a second as this many requests may, whatever the lines belong to. */
const REQUESTS_PER_SECOND = 20

export class LogBudget {
  readonly #requestBytesMax: number
  readonly #linesMax: number
  readonly #bytesMax: number
  #since = 0
  #lines = 0
  #bytes = 0

  constructor({ logBytesPerRequest, logLinesPerRequest }: InstanceLimits) {
    this.#requestBytesMax = SLACK * (logBytesPerRequest + PIECE_BYTES)
    this.#linesMax = REQUESTS_PER_SECOND * logLinesPerRequest
    this.#bytesMax = REQUESTS_PER_SECOND * logBytesPerRequest
  }

  /** Counts a line, of a request or of none, and says what becomes of it. */
  spend(request: ServedRequest | null, bytes: number): 'kept' | 'dropped' | 'forged' {
    const cost = bytes + LINE_BYTES
    if (request) {
      request.logBytes += cost
      if (request.logBytes > this.#requestBytesMax) return 'forged'
    }
    const now = performance.now()
    if (now - this.#since > 1000) {
      this.#since = now
      this.#lines = 0
      this.#bytes = 0
    }
    this.#lines++
    this.#bytes += cost
    return this.#lines <= this.#linesMax && this.#bytes <= this.#bytesMax ? 'kept' : 'dropped'
  }
}
