/** Answers to what is no HTTP request: there is no exchange yet, so they are written to the socket by hand. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { requestChannel } from '../channels.ts'
import { errorResponse } from './error-page.ts'
import { requestIdFrom } from './request-id.ts'
import type { Answer } from './status.ts'

const PARSE_ERROR_ANSWERS: Record<string, Answer> = {
  HPE_HEADER_OVERFLOW: { status: 431, message: 'The request’s headers are too long.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, message: 'The request’s chunk extensions are too long.' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, message: 'The request did not arrive in time.' },
}

const MALFORMED: Answer = { status: 400, message: 'The request is malformed.' }

/** Null if the connection has broken, so that there is nobody to answer. */
export function answerToParseError({ code = '' }: NodeJS.ErrnoException): Answer | null {
  return PARSE_ERROR_ANSWERS[code] ?? (code.startsWith('HPE_') ? MALFORMED : null)
}

/** Sends the answer and closes the connection. */
export function writeRawAnswer(socket: Socket, { status, message }: Answer): void {
  const requestId = requestIdFrom(undefined)
  const { headers, body } = errorResponse({
    status,
    outcome: 'canceled',
    message,
    requestId,
    retryAfterSeconds: 0,
    accept: undefined,
  })
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ndate: ${new Date().toUTCString()}\r\nconnection: close\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  const clientIp = socket.remoteAddress ?? ''
  socket.on('error', () => {})
  socket.end(Buffer.concat([Buffer.from(`${head}\r\n`), body]), () => socket.destroy())
  if (!requestChannel.hasSubscribers) return
  requestChannel.publish({
    requestId,
    traceId: '',
    app: '',
    version: '',
    outcome: 'canceled',
    status,
    method: '',
    host: '',
    url: '',
    clientIp,
    startedAt: Date.now(),
    durationMs: 0,
    ttfbMs: 0,
    queueMs: 0,
    cpuMs: 0,
    coldStart: false,
    retries: 0,
    bytesIn: 0,
    bytesOut: body.byteLength,
    disconnected: false,
    rejection: 'malformed',
  })
}
