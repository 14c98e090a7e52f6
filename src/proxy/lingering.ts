/**
 * Requests that were answered before their body had arrived. What still comes is thrown away for a moment, so that
 * the client gets to read its answer (closing at once would reset the connection under it); then it is cut off.
 */
import type { IncomingMessage } from 'node:http'

const LINGER_MS = 2000

export class Lingering {
  #requests: { request: IncomingMessage; until: number }[] = []

  add(request: IncomingMessage): void {
    if (request.socket.destroyed) return
    this.#requests.push({ request, until: performance.now() + LINGER_MS })
  }

  /** Cuts off those whose time is over. */
  sweep(): void {
    if (this.#requests.length === 0) return
    const now = performance.now()
    this.#requests = this.#requests.filter(({ request, until }) => {
      if (request.complete || request.socket.destroyed) return false
      if (now < until) return true
      request.socket.destroy()
      return false
    })
  }
}
