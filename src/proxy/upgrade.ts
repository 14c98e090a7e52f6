/**
 * A client's connection that becomes a WebSocket's (RFC 6455, section 4.2): which requests ask for that properly, and
 * the answer that switches. What then goes back and forth is frames, which only the app reads.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { websocketAccept } from '../websocket-accept.ts'
import { responseHead } from './response-head.ts'

const KEY = /^[+/0-9A-Za-z]{22}==$/

/** Others that name an upgrade are requests like any: the header is not for the app. */
export function asksForWebSocket({ method, headers, httpVersion }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    httpVersion === '1.1' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    KEY.test(headers['sec-websocket-key'] ?? '') &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  )
}

/** Answers with 101 and takes the connection from node:http; tells what is wrong with the app's headers, or null. */
export function switchProtocols(
  { request, response, socket }: { request: IncomingMessage; response: ServerResponse; socket: Socket },
  { headers, requestId, bytesMax }: { headers: readonly string[]; requestId: string; bytesMax: number },
): string | null {
  const head = responseHead(200, headers, { bytesMax })
  if (typeof head === 'string') return head
  const key = request.headers['sec-websocket-key']
  const kept = head.headers.filter((_, at) => !OWN_HEADERS.has(head.headers[at - (at % 2)]!))
  response.sendDate = false
  try {
    response.writeHead(101, [
      ...kept,
      ...['upgrade', 'websocket', 'connection', 'Upgrade', 'x-request-id', requestId],
      ...['sec-websocket-accept', websocketAccept(key ?? '')],
    ])
  } catch {
    return 'The app’s response headers are malformed.'
  }
  response.flushHeaders()
  response.detachSocket(socket)
  return null
}

/** The handshake is the proxy's; extensions are not spoken. */
const OWN_HEADERS = new Set(['sec-websocket-accept', 'sec-websocket-extensions'])
