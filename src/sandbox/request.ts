/**
 * Request. Every request that an app serves makes one, so an incoming request is its texts and nothing else until
 * it is asked: headers, signal, body stream and the rarely used settings are made when they are first touched.
 */
import { type AbortSignal, abortSignal, anySignal, newSignal } from './abort.ts'
import { parseApiUrl } from './api-url.ts'
import { Body, type BodyMixin, defineBodyMixin, type Extracted } from './body.ts'
import { type HeaderList, headerOf, newHeaderList, parseHeaderText } from './header-list.ts'
import { copyHeaders, createHeaders, fillHeaders, type Guard, type Headers, headerListOf } from './headers.ts'
import type { BodySource } from './host.ts'
import { INCOMING_SETTINGS, type RequestSettings, readRequestInit, settingsOf } from './request-init.ts'
import { hasCredentials, serializeUrl } from './url-record.ts'
import { defineInterface, internally, isObject, requireArguments, usvString } from './webidl.ts'

interface State {
  method: string
  url: string
  /** `name\nvalue\n…`, of an incoming request until its headers are asked for. */
  headerText: string
  headers: Headers | null
  guard: Guard
  body: Body | null
  /** Aborts this request's own; null if nobody can, or has asked yet. */
  followed: AbortSignal | null
  signal: AbortSignal | null
  /** An incoming request that was aborted before anybody asked for its signal. */
  aborted: { reason: unknown } | null
  settings: RequestSettings
  cf: unknown
}

let stateOf: (request: Request) => State
export let isRequest: (value: unknown) => value is Request

export interface Request extends BodyMixin {}

// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the mixin's members are put on the prototype below
export class Request {
  #state: State

  /** `internally` and a state, if the platform calls. */
  constructor(input: unknown, init: unknown = undefined) {
    if (input === internally) this.#state = init as State
    else {
      const context = "Failed to construct 'Request'"
      requireArguments(arguments.length, 1, context)
      this.#state = newState(input, init, context)
    }
  }

  get method(): string {
    return this.#state.method
  }

  get url(): string {
    return this.#state.url
  }

  get headers(): Headers {
    return headersOf(this.#state)
  }

  get signal(): AbortSignal {
    return signalOf(this.#state)
  }

  get redirect(): string {
    return this.#state.settings.redirect
  }

  get mode(): string {
    return this.#state.settings.mode
  }

  get credentials(): string {
    return this.#state.settings.credentials
  }

  get cache(): string {
    return this.#state.settings.cache
  }

  get referrer(): string {
    return this.#state.settings.referrer
  }

  get referrerPolicy(): string {
    return this.#state.settings.referrerPolicy
  }

  get integrity(): string {
    return this.#state.settings.integrity
  }

  get keepalive(): boolean {
    return this.#state.settings.keepalive
  }

  get destination(): string {
    void this.#state
    return ''
  }

  get isReloadNavigation(): boolean {
    void this.#state
    return false
  }

  get isHistoryNavigation(): boolean {
    void this.#state
    return false
  }

  get duplex(): string {
    void this.#state
    return 'half'
  }

  /** What Cloudflare tells about the client or, in a request that goes out, is told. Vitrine leaves it alone. */
  get cf(): unknown {
    const state = this.#state
    if (state.cf === null) state.cf = {}
    return state.cf
  }

  clone(): Request {
    const state = this.#state
    if (state.body?.unusable) {
      throw new TypeError("Failed to execute 'clone' on 'Request': the body has been read, or is being read.")
    }
    return createRequest({
      ...state,
      headers: copyHeaders(listOf(state), state.guard),
      body: state.body?.clone() ?? null,
      followed: signalOf(state),
      signal: null,
    })
  }

  static {
    stateOf = request => request.#state
    isRequest = (value): value is Request => isObject(value) && #state in value
  }
}

defineInterface('Request', Request)
defineBodyMixin<Request>(
  Request,
  request => stateOf(request).body,
  request => listOf(stateOf(request)),
)

function createRequest(state: State): Request {
  return new (Request as unknown as new (...args: unknown[]) => Request)(internally, state)
}

/**
 * The Request of an event. `headerText`: `name\nvalue\n` for each header, names in lower case, all validated.
 */
export function createIncomingRequest(
  method: string,
  url: string,
  headerText: string,
  body: BodySource | null,
): Request {
  return createRequest({
    method,
    url,
    headerText,
    headers: null,
    guard: 'immutable',
    body: body === null ? null : new Body(body),
    followed: null,
    signal: null,
    aborted: null,
    settings: INCOMING_SETTINGS,
    cf: null,
  })
}

/** Aborts the signal of an incoming request. */
export function abortIncomingRequest(request: Request, reason: unknown = undefined): void {
  const state = stateOf(request)
  if (state.aborted !== null) return
  state.aborted = { reason }
  if (state.signal !== null) abortSignal(state.signal, reason)
}

/** What fetch() needs of a Request: all its own, its body not taken yet. */
export interface RequestParts {
  method: string
  url: string
  headers: HeaderList
  body: Body | null
  signal: AbortSignal | null
  settings: RequestSettings
}

export function requestParts(request: Request): RequestParts {
  const state = stateOf(request)
  const { method, url, body, settings } = state
  // Nobody outside has the request's own signal yet if it was not made: then what it would follow will do.
  return { method, url, headers: listOf(state), body, signal: state.signal ?? state.followed, settings }
}

function listOf(state: State): HeaderList {
  return headerListOf(headersOf(state))
}

function headersOf(state: State): Headers {
  if (state.headers === null) {
    state.headers = createHeaders(parseHeaderText(state.headerText), state.guard)
    state.headerText = ''
  }
  return state.headers
}

function signalOf(state: State): AbortSignal {
  if (state.signal === null) {
    state.signal = state.followed === null ? newSignal() : anySignal([state.followed])
    if (state.aborted !== null) abortSignal(state.signal, state.aborted.reason)
  }
  return state.signal
}

/** The Request constructor of the Fetch standard. */
function newState(input: unknown, initValue: unknown, context: string): State {
  const base = isRequest(input) ? stateOf(input) : null
  const text = base === null ? usvString(input) : ''
  const init = readRequestInit(initValue, context)
  const url = base === null ? requestUrl(text, context) : base.url
  const settings = settingsOf(init, base?.settings ?? null, context)
  const method = init.method ?? (base === null ? 'GET' : base.method)
  const guard = settings.mode === 'no-cors' ? 'request-no-cors' : 'request'
  if (guard === 'request-no-cors' && method !== 'GET' && method !== 'HEAD' && method !== 'POST') {
    throw new TypeError(`${context}: '${method}' is unsupported in no-cors mode.`)
  }
  const inherits = base !== null && init.headers === undefined
  const headers = inherits ? copyHeaders(listOf(base), guard) : createHeaders(newHeaderList(), guard)
  if (init.headers !== undefined) fillHeaders(headers, init.headers, context)
  return {
    method,
    url,
    headerText: '',
    headers,
    guard,
    body: newBody(init.body, base?.body ?? null, method, headerListOf(headers), context),
    followed: init.signal === undefined ? base && signalOf(base) : init.signal,
    signal: null,
    aborted: null,
    settings,
    cf: init.cf ?? base?.cf ?? null,
  }
}

function newBody(
  given: Extracted | null,
  inherited: Body | null,
  method: string,
  headers: HeaderList,
  context: string,
): Body | null {
  if (given === null && inherited === null) return null
  if (method === 'GET' || method === 'HEAD') {
    throw new TypeError(`${context}: Request with GET/HEAD method cannot have body.`)
  }
  if (given === null) {
    if (!inherited!.unusable) return inherited!.move()
    throw new TypeError(`${context}: the body of the given Request has been read, or is being read.`)
  }
  if (given.type !== null && headerOf(headers, 'content-type') === null) {
    headers[headers.length] = 'content-type'
    headers[headers.length] = given.type
  }
  return given.body
}

function requestUrl(text: string, context: string): string {
  const url = parseApiUrl(text)
  if (url === null) throw new TypeError(`${context}: Failed to parse URL from ${text}`)
  if (hasCredentials(url)) {
    throw new TypeError(
      `${context}: Request cannot be constructed from a URL that includes credentials: ${text}`,
    )
  }
  return serializeUrl(url)
}
