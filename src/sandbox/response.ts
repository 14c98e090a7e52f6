/**
 * Response, and the two ways in which one crosses the platform's edge: what a guest returned is read, what the
 * host fetched is wrapped.
 */
import type { AbortSignal } from './abort.ts'
import { parseApiUrl } from './api-url.ts'
import { Body, type BodyMixin, defineBodyMixin, extractBody } from './body.ts'
import { copyHeaderList, type HeaderList, headerOf, newHeaderList, removeHeaders } from './header-list.ts'
import { createHeaders, fillHeaders, type Guard, type Headers, headerListOf } from './headers.ts'
import type { BodySource, IncomingResponse, OutgoingResponse } from './host.ts'
import { promisedLength } from './identity-stream.ts'
import { jsonStringify, stringCharCodeAt } from './primordials.ts'
import type { ReadableStream } from './streams.ts'
import { serializeUrl } from './url-record.ts'
import {
  byteString,
  defineInterface,
  dictionary,
  internally,
  isObject,
  requireArguments,
  unsignedShort,
  usvString,
} from './webidl.ts'
import { isWebSocket, type WebSocket } from './websocket.ts'

interface State {
  type: 'basic' | 'default' | 'error'
  url: string
  redirected: boolean
  status: number
  statusText: string
  /** Until `headers` is asked for; the Headers object's own from then on. */
  list: HeaderList
  guard: Guard
  headers: Headers | null
  body: Body | null
  webSocket: WebSocket | null
  cf: unknown
}

let stateOf: (response: Response) => State
let hasState: (value: object) => value is Response

export interface Response extends BodyMixin {}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the mixin's members are put on the prototype below
export class Response {
  #state: State

  /** `internally` and a state, if the platform calls. */
  constructor(body: unknown = null, init: unknown = undefined) {
    if (body === internally) this.#state = init as State
    else {
      const state = newState()
      this.#state = state
      const extracted = body === null || body === undefined ? null : extractBody(body)
      if (init !== undefined) initialize(state, init, extracted !== null, "Failed to construct 'Response'")
      if (extracted !== null) setBody(state, extracted.body, extracted.type)
    }
  }

  static error(): Response {
    const state = newState()
    state.type = 'error'
    state.status = 0
    state.guard = 'immutable'
    return createResponse(state)
  }

  static json(data: unknown, init: unknown = undefined): Response {
    const context = "Failed to execute 'json' on 'Response'"
    requireArguments(arguments.length, 1, context)
    const text = jsonStringify(data) as string | undefined
    if (text === undefined) throw new TypeError(`${context}: The data is not JSON serializable.`)
    const state = newState()
    if (init !== undefined) initialize(state, init, true, context)
    setBody(state, extractBody(text).body, 'application/json')
    return createResponse(state)
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    const context = "Failed to execute 'redirect' on 'Response'"
    requireArguments(arguments.length, 1, context)
    const text = usvString(url)
    const code = unsignedShort(status, context)
    const parsed = parseApiUrl(text)
    if (parsed === null) throw new TypeError(`${context}: '${text}' is not a valid absolute URL.`)
    if (code !== 301 && code !== 302 && code !== 303 && code !== 307 && code !== 308) {
      throw new RangeError(`${context}: ${code} is not a redirect status.`)
    }
    const state = newState()
    state.status = code
    state.list = ['location', serializeUrl(parsed)]
    state.guard = 'immutable'
    return createResponse(state)
  }

  get type(): string {
    return this.#state.type
  }

  get url(): string {
    return this.#state.url
  }

  get redirected(): boolean {
    return this.#state.redirected
  }

  get status(): number {
    return this.#state.status
  }

  get ok(): boolean {
    const { status } = this.#state
    return status >= 200 && status <= 299
  }

  get statusText(): string {
    return this.#state.statusText
  }

  get headers(): Headers {
    return headersOf(this.#state)
  }

  get webSocket(): WebSocket | null {
    return this.#state.webSocket
  }

  get cf(): unknown {
    return this.#state.cf
  }

  clone(): Response {
    const state = this.#state
    if (state.webSocket !== null) throw new TypeError('A Response with a WebSocket cannot be cloned.')
    if (state.body?.unusable) {
      throw new TypeError(
        "Failed to execute 'clone' on 'Response': the body has been read, or is being read.",
      )
    }
    return createResponse({
      ...state,
      list: copyHeaderList(listOf(state)),
      headers: null,
      body: state.body?.clone() ?? null,
    })
  }

  static {
    stateOf = response => response.#state
    hasState = (value): value is Response => #state in value
  }
}

defineInterface('Response', Response)
defineBodyMixin<Response>(
  Response,
  response => stateOf(response).body,
  response => listOf(stateOf(response)),
)

function createResponse(state: State): Response {
  return new (Response as unknown as new (...args: unknown[]) => Response)(internally, state)
}

function newState(): State {
  return {
    type: 'default',
    url: '',
    redirected: false,
    status: 200,
    statusText: '',
    list: noHeaders,
    guard: 'response',
    headers: null,
    body: null,
    webSocket: null,
    cf: undefined,
  }
}

/** Shared by all that have none; never added to. */
const noHeaders: HeaderList = newHeaderList()

function listOf(state: State): HeaderList {
  return state.headers === null ? state.list : headerListOf(state.headers)
}

function headersOf(state: State): Headers {
  if (state.headers === null) {
    const list = state.list === noHeaders ? newHeaderList() : state.list
    state.headers = createHeaders(list, state.guard)
  }
  return state.headers
}

function initialize(state: State, value: unknown, withBody: boolean, context: string): void {
  const init = dictionary(value, context)
  const { cf, headers, webSocket = null } = init
  if (webSocket !== null) {
    if (!isObject(webSocket) || !isWebSocket(webSocket))
      throw new TypeError(`${context}: webSocket is not of type 'WebSocket'.`)
    if (withBody) throw new TypeError(`${context}: A response with a WebSocket cannot have a body.`)
    state.webSocket = webSocket
  }
  const status = init.status === undefined ? 200 : unsignedShort(init.status, context)
  const statusText = init.statusText === undefined ? '' : byteString(init.statusText, context)
  if (webSocket !== null && status !== 101)
    throw new RangeError(`${context}: A response with a WebSocket has the status 101, not ${status}.`)
  if ((status < 200 && webSocket === null) || status > 599) {
    throw new RangeError(
      status === 101
        ? `${context}: The status 101 needs a WebSocket.`
        : `${context}: The status provided (${status}) is outside the range [200, 599].`,
    )
  }
  if (!isReasonPhrase(statusText)) throw new TypeError(`${context}: Invalid statusText.`)
  state.status = status
  state.statusText = statusText
  state.cf = cf
  if (headers !== undefined) fillHeaders(headersOf(state), headers, context)
  if (withBody && (status === 204 || status === 205 || status === 304)) {
    throw new TypeError(`${context}: A response with status ${status} cannot have a body.`)
  }
}

function isReasonPhrase(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = stringCharCodeAt(text, i)
    if (unit > 0xff || unit === 0x7f || (unit < 0x20 && unit !== 0x09)) return false
  }
  return true
}

function setBody(state: State, body: Body, type: string | null): void {
  state.body = body
  if (type === null) return
  if (state.headers === null) state.list = ['content-type', type]
  else {
    const list = headerListOf(state.headers)
    if (headerOf(list, 'content-type') !== null) return
    list[list.length] = 'content-type'
    list[list.length] = type
  }
}

/**
 * Takes what a guest's handler returned, body included; null if it is no Response. Throws a TypeError if it
 * cannot be sent.
 */
export function readResponse(value: unknown): OutgoingResponse | null {
  if (!isObject(value) || !hasState(value)) return null
  const { type, status, statusText, list, headers, body, webSocket } = stateOf(value)
  if (type === 'error') throw new TypeError('Response.error() stands for a failed fetch; it cannot be sent.')
  const outgoing: OutgoingResponse = {
    status,
    statusText,
    headers: headers === null ? list : copyHeaderList(headerListOf(headers)),
    body: null,
    webSocket,
  }
  if (body === null) return outgoing
  if (body.unusable) {
    throw new TypeError(
      'The body of the returned Response has been read already, or is locked. Return a new Response, or clone() it first.',
    )
  }
  outgoing.body = body.take()
  if (outgoing.body.kind === 'stream') announceLength(outgoing, outgoing.body.stream)
  return outgoing
}

/** A FixedLengthStream's length becomes the Content-Length. */
function announceLength(response: OutgoingResponse, stream: object): void {
  const length = promisedLength(stream)
  if (length === undefined || headerOf(response.headers, 'content-length') !== null) return
  const headers = copyHeaderList(response.headers)
  headers[headers.length] = 'content-length'
  headers[headers.length] = `${length}`
  response.headers = headers
}

/** The Response of a fetch. `signal` ends the reading of its body. */
export function createFetchedResponse(
  { status, statusText, url, redirected, headers, body, text }: IncomingResponse,
  signal: AbortSignal | null = null,
  webSocket: WebSocket | null = null,
): Response {
  const source: BodySource | null =
    webSocket !== null
      ? null
      : text !== null
        ? { kind: 'text', text }
        : body !== null
          ? { kind: 'host', id: body }
          : null
  return createResponse({
    type: 'basic',
    url,
    redirected,
    status,
    statusText,
    list: headers,
    guard: 'immutable',
    headers: null,
    body: source && new Body(source, null, signal),
    webSocket,
    cf: undefined,
  })
}

export function isResponse(value: unknown): value is Response {
  return isObject(value) && hasState(value)
}

/** The same Response with another body, of a length that nobody knows yet. */
export function withStream(response: Response, stream: ReadableStream): Response {
  const state = stateOf(response)
  const list = copyHeaderList(listOf(state))
  removeHeaders(list, 'content-length', 0)
  const body = new Body({ kind: 'stream', stream }, stream)
  return createResponse({ ...state, type: 'default', list, guard: 'response', headers: null, body })
}

export function responseStatus(response: Response): number {
  return stateOf(response).status
}

export function responseUrl(response: Response): string {
  return stateOf(response).url
}

/** The headers of a Response, for the platform's own reading of them. */
export function responseHeaders(response: Response): HeaderList {
  return listOf(stateOf(response))
}

/** The body of a Response, for the platform's own reading of it. */
export function responseBody(response: Response): Body | null {
  return stateOf(response).body
}

/** Gives a Response bytes in place of its body, which has been read. */
export function replaceBody(response: Response, bytes: Uint8Array): void {
  stateOf(response).body = new Body({ kind: 'bytes', bytes })
}

/** The Response of fetching a data: URL. */
export function createDataResponse(url: string, type: string, bytes: Uint8Array | null): Response {
  const state = newState()
  state.type = 'basic'
  state.url = url
  state.statusText = 'OK'
  state.list = ['content-type', type]
  state.guard = 'immutable'
  if (bytes !== null) state.body = new Body({ kind: 'bytes', bytes })
  return createResponse(state)
}
