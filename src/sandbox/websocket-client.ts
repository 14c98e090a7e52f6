/**
 * WebSockets to servers: `new WebSocket(url)`, and fetch() with `Upgrade: websocket`. The host makes the connection, as
 * it makes any for fetch(); from then on its two bodies carry frames.
 */
import { host } from './current-host.ts'
import { DOMException } from './dom-exception.ts'
import type { IncomingResponse, OutgoingRequest } from './host.ts'
import { arrayIncludes, arrayJoin, arrayPush, isArray, promiseThen, stringCharCodeAt } from './primordials.ts'
import { parseUrl } from './url-parser.ts'
import { serializeUrl } from './url-record.ts'
import { isObject, iteratorMethod, sequence, usvString } from './webidl.ts'
import { clientTransport, connect, inletOf, newSocket, openBy, opened, type WebSocket } from './websocket.ts'

/** Connects a socket. Rejects if the server does not switch to WebSocket; else resolves to its answer. */
async function dial(
  socket: WebSocket,
  request: Pick<OutgoingRequest, 'url' | 'headers'>,
): Promise<{ response: IncomingResponse; isOpen: boolean }> {
  const transport = clientTransport(inletOf(socket))
  const response = await host.fetch(
    { method: 'GET', ...request, body: transport.source, redirect: 'manual', upgrade: true },
    null,
  )
  if (response.status !== 101 || response.body === null) return { response, isOpen: false }
  connect(socket, transport, transport)
  transport.receive(response.body)
  return { response, isOpen: true }
}

/** fetch() that asks for a WebSocket: the answer, and the socket if the server switched. */
export async function fetchSocket(
  request: Pick<OutgoingRequest, 'url' | 'headers'>,
): Promise<{ response: IncomingResponse; socket: WebSocket | null }> {
  const socket = newSocket()
  const { response, isOpen } = await dial(socket, request)
  return { response, socket: isOpen ? socket : null }
}

openBy((socket, url, protocols) => {
  const list = protocolList(protocols)
  const target = parseUrl(url)
  if (target === null) throw syntaxError(`The URL '${url}' is invalid.`)
  if (target.scheme === 'ws') target.scheme = 'http'
  else if (target.scheme === 'wss') target.scheme = 'https'
  if (target.scheme !== 'http' && target.scheme !== 'https')
    throw syntaxError(`The URL's scheme must be 'ws' or 'wss', not '${target.scheme}'.`)
  if (target.fragment !== null) throw syntaxError('The URL must have no fragment.')
  const headers: string[] = []
  if (list.length > 0) arrayPush(headers, 'sec-websocket-protocol', arrayJoin(list, ', '))
  const inlet = inletOf(socket)
  promiseThen(
    dial(socket, { url: serializeUrl(target, false), headers }),
    ({ response, isOpen }) => {
      if (!isOpen) return inlet.close(1006, '', false)
      opened(socket, protocolOf(response.headers))
    },
    () => inlet.close(1006, '', false),
  )
  target.scheme = target.scheme === 'http' ? 'ws' : 'wss'
  return serializeUrl(target, false)
})

function protocolList(protocols: unknown): string[] {
  if (protocols === undefined) return []
  const isList = isObject(protocols) && (isArray(protocols) || iteratorMethod(protocols) !== undefined)
  const list = isList
    ? sequence(protocols, usvString, "Failed to construct 'WebSocket'")
    : [usvString(protocols)]
  const seen: string[] = []
  for (let i = 0; i < list.length; i++) {
    if (!isToken(list[i]!) || arrayIncludes(seen, list[i]!))
      throw syntaxError(`The subprotocol '${list[i]}' is invalid or given twice.`)
    arrayPush(seen, list[i]!)
  }
  return seen
}

function protocolOf(headers: readonly string[]): string {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'sec-websocket-protocol') return headers[i + 1]!
  }
  return ''
}

/** Whether the text is a token of HTTP (RFC 9110, 5.6.2). */
function isToken(text: string): boolean {
  const separators = '"(),/:;<=>?@[\\]{}'
  for (let i = 0; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit <= 0x20 || unit >= 0x7f) return false
    for (let j = 0; j < separators.length; j++) if (separators[j] === text[i]) return false
  }
  return text.length > 0
}

function syntaxError(message: string): DOMException {
  return new DOMException(`Failed to construct 'WebSocket': ${message}`, 'SyntaxError')
}
