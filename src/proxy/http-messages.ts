/**
 * Requests and responses as node:http makes them for the proxy, lean where the proxy does not need what Node does for
 * everybody: an object of all headers, and listeners that are added to each response.
 */
import http from 'node:http'
import type { HttpExchange } from './http-exchange.ts'

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

/** Names as clients write them → in lower case, empty if nobody asks for them. So many are remembered. */
const names = new Map<string, string>()
const NAMES_MAX = 1000

function nameOf(written: string): string {
  const known = names.get(written)
  if (known !== undefined) return known
  const lower = written.toLowerCase()
  const name = ASKED_FOR.has(lower) ? lower : ''
  if (names.size < NAMES_MAX) names.set(written, name)
  return name
}

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
