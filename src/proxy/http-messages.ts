/**
 * Requests and responses as node:http makes them for the proxy, lean where the proxy does not need what Node does for
 * everybody: an object of all headers, and listeners that are added to each response.
 */
import http from 'node:http'
import type { HttpExchange } from './http-exchange.ts'
import { remembered } from './remembered.ts'

/** Headers that the proxy or node:http asks for by name; apps get what rawHeaders holds. */
const ASKED_FOR = new Set([
  'accept',
  'connection',
  'content-length',
  'expect',
  'host',
  'sec-websocket-key',
  'sec-websocket-version',
  'te',
  'traceparent',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
])
/** Of these the first counts, as node:http has it; others are joined. */
const FIRST_COUNTS = new Set(['content-length', 'host'])

const kHeaders = Symbol('headers')

export class ProxyRequest extends http.IncomingMessage {
  [kHeaders]: http.IncomingHttpHeaders | undefined = undefined
}

Object.defineProperty(ProxyRequest.prototype, 'headers', {
  get(this: ProxyRequest) {
    this[kHeaders] ??= headersAskedFor(this.rawHeaders)
    return this[kHeaders]
  },
})

/** Of a name as a client writes it: in lower case, empty if nobody asks for it. */
const nameOf = remembered(written => {
  const name = written.toLowerCase()
  return ASKED_FOR.has(name) ? name : ''
})

function headersAskedFor(rawHeaders: readonly string[]): http.IncomingHttpHeaders {
  const headers: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = nameOf(rawHeaders[i]!)
    if (name === '') continue
    const value = rawHeaders[i + 1]!
    if (headers[name] === undefined) headers[name] = value
    else if (!FIRST_COUNTS.has(name)) headers[name] += `, ${value}`
  }
  return headers
}

export class ProxyResponse extends http.ServerResponse {
  exchange: HttpExchange | null = null

  override emit(event: string, ...args: unknown[]): boolean {
    if (event === 'close') this.exchange?.onClose()
    else if (event === 'drain') this.exchange?.onDrain()
    // Whatever breaks a response closes it too, which is told.
    else if (event === 'error') return true
    return super.emit(event, ...args)
  }
}
