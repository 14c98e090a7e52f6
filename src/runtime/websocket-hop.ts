/**
 * A connection that becomes a WebSocket's (RFC 6455, section 4.1): the handshake is made and checked here, what then
 * goes back and forth is the app's.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { websocketAccept } from '../websocket-accept.ts'
import type { CancelSignal } from './cancellation.ts'
import type { Connection } from './connections.ts'
import type { HopRequest, HopResponse } from './hop.ts'
import { streamed } from './incoming-body.ts'
import { Informational } from './informational.ts'
import { explain, SubrequestError } from './subrequest-error.ts'

/** Said by the platform: no app can pass off another's answer as its own. */
const HANDSHAKE_HEADERS = new Set([
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-key',
  'sec-websocket-version',
])

/** Resolves with the server's answer; where it is 101, its body is what the server sends over the connection. */
export function openWebSocket(
  connection: Connection,
  { url, headers, body }: HopRequest,
  signal: CancelSignal,
): Promise<HopResponse> {
  const key = randomBytes(16).toString('base64')
  const own = headers.filter((_, at) => !HANDSHAKE_HEADERS.has(headers[at - (at % 2)]!))
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      const error = explain(cause)
      connection.close(error)
      reject(error)
    }
    if (signal.aborted) return fail(new SubrequestError('the subrequest was aborted'))
    const abort = () => fail(new SubrequestError('the subrequest was aborted'))
    signal.addEventListener('abort', abort)
    const informational = new Informational()
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onRequestUpgrade(_controller, status, answered, socket) {
        signal.removeEventListener('abort', abort)
        connection.upgraded()
        const response = answered as HopResponse['headers']
        if (response['sec-websocket-accept'] !== websocketAccept(key)) {
          socket.destroy()
          return fail(new SubrequestError('the server does not accept the WebSocket'))
        }
        carry(socket, { connection, body: body as AsyncIterable<Buffer> | null, signal })
        resolve({ status, statusText: 'Switching Protocols', headers: response, body: streamed(socket) })
      },
      onResponseStart(controller, status, answered, statusText = '') {
        if (status < 200) return informational.received(controller)
        signal.removeEventListener('abort', abort)
        resolve({ status, statusText, headers: answered as HopResponse['headers'], body: null })
        connection.close(new SubrequestError('the server does not switch to WebSocket'))
      },
      onResponseData() {},
      onResponseEnd() {},
      onResponseError(_controller, error) {
        signal.removeEventListener('abort', abort)
        fail(error)
      },
    }
    connection.client.dispatch(
      {
        method: 'GET',
        path: url.pathname + url.search,
        upgrade: 'websocket',
        headers: [...own, 'sec-websocket-key', key, 'sec-websocket-version', '13'],
      },
      handler,
    )
  })
}

/** Sends the body over the socket; whichever ends first ends all of it. */
function carry(
  socket: Duplex,
  {
    connection,
    body,
    signal,
  }: { connection: Connection; body: AsyncIterable<Buffer> | null; signal: CancelSignal },
): void {
  const abort = () => socket.destroy()
  signal.addEventListener('abort', abort)
  socket.on('error', () => {})
  socket.on('close', () => {
    signal.removeEventListener('abort', abort)
    connection.close(new SubrequestError('the WebSocket is closed'))
  })
  const send = async () => {
    for await (const piece of body ?? []) {
      if (!socket.write(piece)) await once(socket, 'drain', { signal: signal as AbortSignal })
    }
    socket.end()
  }
  send().catch(() => socket.destroy())
}
