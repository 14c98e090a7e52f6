/** Serves one request: calls the app's handler and sends what it returns. */
import { callFetchHandler } from './app.ts'
import { host } from './current-host.ts'
import { DOMException } from './dom-exception.ts'
import { utf8EncodeInto } from './encoding.ts'
import type { BodySource, OutgoingResponse } from './host.ts'
import { describeError, logException } from './logging.ts'
import {
  at,
  out,
  queueText,
  record,
  recordText,
  recordUint32,
  roomBytes,
  writeLatin1,
  writeUint16,
  writeUint32,
} from './outbox.ts'
import { ignore, Outgoing, TEXT_PIECE_CHARS } from './outgoing.ts'
import {
  arrayIndexOf,
  promiseResolve,
  promiseThen,
  stringIndexOf,
  stringSlice,
  stringStartsWith,
  typedArrayByteLength,
  typedArraySet,
} from './primordials.ts'
import { createIncomingRequest } from './request.ts'
import type { RequestContext } from './request-context.ts'
import { readResponse } from './response.ts'
import { cancelStream } from './streams.ts'
import { handOver, type WebSocket } from './websocket.ts'
import {
  type KernelLimits,
  LIMIT_NOTICES,
  RECORD,
  RESPONSE_FINISHED,
  RESPONSE_TEXT,
  RESPONSE_WHOLE,
  UPGRADE_HEADERS,
} from './wire.ts'

/** Whole text bodies up to this are encoded here; longer ones natively by the host. */
const INLINE_TEXT_CHARS = 2048
/** Whole byte bodies up to this travel in the response's own record. */
const INLINE_BYTES = 16_384
const RESPONSE_FIXED_BYTES = 12
const HEAD_KEPT_CHARS = 1024

let limits: KernelLimits

export function limitServing(kernelLimits: KernelLimits): void {
  limits = kernelLimits
}

/** `head`: `method\nurl\nname\nvalue\n…`. */
export function serve(context: RequestContext, head: string, hasBody: boolean): void {
  const methodEnd = stringIndexOf(head, '\n')
  const urlEnd = stringIndexOf(head, '\n', methodEnd + 1)
  const method = stringSlice(head, 0, methodEnd)
  context.isUpgrade = hasBody && stringStartsWith(head, UPGRADE_HEADERS, urlEnd + 1)
  const request = createIncomingRequest(
    method,
    stringSlice(head, methodEnd + 1, urlEnd),
    stringSlice(head, urlEnd + 1),
    hasBody && !context.isUpgrade ? { kind: 'host', id: context.id } : null,
  )
  context.request = request
  try {
    promiseThen(
      promiseResolve(callFetchHandler(request, context)),
      value => respond(context, value, method),
      error => fail(context, error),
    )
  } catch (error) {
    fail(context, error)
  }
}

function respond(context: RequestContext, value: unknown, method: string): void {
  if (context.over) return
  let response: OutgoingResponse | null
  try {
    response = readResponse(value)
    if (!response) {
      throw new TypeError('The fetch handler must return a Response, or a promise of one.')
    }
  } catch (error) {
    return fail(context, error)
  }
  if (context.aborted || (method === 'HEAD' && response.body)) {
    discard(response.body, context)
    response.body = null
    if (context.aborted) return
  }
  const head = headText(response.headers)
  if (head.length > limits.responseHeaderBytesMax) {
    recordUint32(
      RECORD.limit,
      context.id,
      arrayIndexOf(LIMIT_NOTICES as unknown as unknown[], 'response_headers'),
    )
    return fail(
      context,
      new RangeError(`A response's headers may have ${limits.responseHeaderBytesMax} bytes.`),
    )
  }
  if (response.webSocket === null) return send(context, response.status, head, response.body)
  try {
    sendSocket(context, head, response.webSocket)
  } catch (error) {
    fail(context, error)
  }
}

/** From now on the request's and the response's body carry the frames of a WebSocket. */
function sendSocket(context: RequestContext, head: string, socket: WebSocket): void {
  if (!context.isUpgrade) {
    throw new TypeError('Only a request with "Upgrade: websocket" can be answered with a WebSocket.')
  }
  const transport = handOver(socket)
  // Until the app has heard that the socket is closed.
  context.waits++
  transport.onEnd = () =>
    host.setTimer(() => {
      context.waits--
      context.closeIfDone()
    }, 0)
  context.onWindDown = code => transport.windDown(code)
  writeHead(context.id, 101, 0, head, 0)
  sendBody(context, transport.source)
  transport.receive(context.id)
}

function headText(headers: readonly string[]): string {
  let head = ''
  for (let i = 0; i < headers.length; i++) head += i === 0 ? headers[i]! : `\n${headers[i]}`
  return head
}

function send(context: RequestContext, status: number, head: string, body: BodySource | null): void {
  const finished = context.waits === 0 ? RESPONSE_FINISHED : 0
  const room = roomBytes() - RESPONSE_FIXED_BYTES - head.length
  if (
    !body ||
    (body.kind === 'text' && body.text.length <= INLINE_TEXT_CHARS && body.text.length * 3 <= room)
  ) {
    const text = body ? (body as { text: string }).text : ''
    writeWholeText(context.id, status, RESPONSE_WHOLE | finished, head, text)
  } else if (body.kind === 'text' && body.text.length <= TEXT_PIECE_CHARS && room >= 0) {
    writeHead(context.id, status, RESPONSE_WHOLE | RESPONSE_TEXT | finished, head, 0)
    queueText(body.text)
  } else if (body.kind === 'bytes' && typedArrayByteLength(body.bytes) <= INLINE_BYTES) {
    const size = typedArrayByteLength(body.bytes)
    writeHead(context.id, status, RESPONSE_WHOLE | finished, head, size)
    typedArraySet(out, body.bytes, at + RESPONSE_FIXED_BYTES + head.length)
  } else {
    writeHead(context.id, status, 0, head, 0)
    return sendBody(context, body)
  }
  context.responded = true
  context.told = finished !== 0
  context.closeIfDone()
}

function writeHead(id: number, status: number, flags: number, head: string, bodyBytes: number): void {
  record(RECORD.response, id, RESPONSE_FIXED_BYTES + head.length + bodyBytes)
  writeUint16(0, status)
  writeUint16(2, flags)
  writeUint32(4, 0)
  writeUint32(8, head.length)
  writeHeadText(head)
}

/** The head written last: an app mostly answers with the same. */
let lastHead = ''
let lastHeadBytes = new Uint8Array(0)

function writeHeadText(head: string): void {
  if (head === lastHead) return typedArraySet(out, lastHeadBytes, at + RESPONSE_FIXED_BYTES)
  writeLatin1(RESPONSE_FIXED_BYTES, head)
  if (head.length > HEAD_KEPT_CHARS) return
  lastHead = head
  lastHeadBytes = new Uint8Array(head.length)
  const from = at + RESPONSE_FIXED_BYTES
  for (let i = 0; i < head.length; i++) lastHeadBytes[i] = out[from + i]!
}

const scratch = new Uint8Array(INLINE_TEXT_CHARS * 3)

/** A record's size is given first, so the text is encoded beside it and then copied. */
function writeWholeText(id: number, status: number, flags: number, head: string, text: string): void {
  const { written } = utf8EncodeInto(text, scratch, 0)
  writeHead(id, status, flags, head, written)
  const from = at + RESPONSE_FIXED_BYTES + head.length
  for (let i = 0; i < written; i++) out[from + i] = scratch[i]!
}

function sendBody(context: RequestContext, body: BodySource): void {
  const sent = (failed: boolean, error?: unknown) => {
    if (failed) return fail(context, error)
    context.responded = true
    context.closeIfDone()
  }
  const outgoing = new Outgoing(context.id, context, limits.bodyWindow, sent)
  context.onAbort = () => outgoing.stop(new DOMException('The client has disconnected.', 'AbortError'))
  outgoing.send(body)
}

function discard(body: BodySource | null, context: RequestContext): void {
  if (body?.kind === 'stream') ignore(cancelStream(body.stream, undefined))
  else if (body?.kind === 'host' && body.id !== context.id) recordUint32(RECORD.cancel, body.id, 0)
}

/** The app has thrown: the client gets an error at once, what waitUntil holds may still go on. */
function fail(context: RequestContext, error: unknown): void {
  if (context.over || context.aborted) return
  const { message } = describeError(error)
  logException(context, error)
  context.responded = true
  if (context.waits > 0) recordText(RECORD.failed, context.id, 0, message)
  else context.failure = message
  context.closeIfDone()
}
