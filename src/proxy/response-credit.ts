/** What an app may send of its response, by what its client has taken. */
import type { Exchange } from '../scheduler/exchange.ts'
import { GRANT_BYTES_MIN, OWED_BYTES_MAX } from './exchange-host.ts'

export class ResponseCredit {
  readonly #exchange: Exchange
  /** Bytes for which the app gets credit once they have left. */
  #owed = 0
  /** Since when the client has not taken what was written, by performance.now(); 0: it has. */
  stalledSince = 0

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** Bytes have been written; `keepsUp`: the client takes more. False if they are more than the app had credit for. */
  written(bytes: number, keepsUp: boolean): boolean {
    this.#owed += bytes
    if (keepsUp) this.#grant()
    else if (this.#owed > OWED_BYTES_MAX) return false
    else if (this.stalledSince === 0) this.stall()
    return true
  }

  /** From now on the client is waited for. */
  stall(): void {
    this.stalledSince = performance.now()
  }

  /** The client has. */
  drained(): void {
    this.stalledSince = 0
    this.#grant()
  }

  /** If it is worth a word. */
  #grant(): void {
    const owed = this.#owed
    if (owed < GRANT_BYTES_MIN) return
    this.#owed = 0
    this.#exchange.link?.client.grant(this.#exchange, owed)
  }
}
