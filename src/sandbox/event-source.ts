/**
 * EventSource (https://html.spec.whatwg.org/multipage/server-sent-events.html), and Cloudflare's `EventSource.from`,
 * which reads events from a stream that is there already.
 */
import { type AbortSignal, abortSignal, newSignal } from './abort.ts'
import { parseApiUrl } from './api-url.ts'
import { DOMException } from './dom-exception.ts'
import { type EventStream, readEventStream, type StreamEvent } from './event-stream.ts'
import { dispatchTrusted, EventTarget, eventHandler, setEventHandler } from './event-target.ts'
import { Event } from './events.ts'
import { fetch } from './fetch.ts'
import { MessageEvent } from './message-event.ts'
import { mimeTypeOf } from './mime-type.ts'
import { arrayPush, fromCharCode, promiseResolve, promiseThen } from './primordials.ts'
import { type Response, responseBody, responseHeaders, responseStatus, responseUrl } from './response.ts'
import { type ByteReader, isLocked, isReadableStream, readBytes } from './streams.ts'
import { startTimer } from './timers.ts'
import { originOf } from './url.ts'
import { parseUrl } from './url-parser.ts'
import { serializeUrl } from './url-record.ts'
import { utf8Encode } from './utf8.ts'
import { defineInterface, dictionary, internally, requireArguments, usvString } from './webidl.ts'

const STATES = { CONNECTING: 0, OPEN: 1, CLOSED: 2 }

/** "A few seconds", as the standard has it: Chromium waits as long at first, Firefox 5 s, workerd 2 s. */
const RECONNECTION_MS = 3000
/** Servers that stay away are asked ever more rarely, up to this. */
const RECONNECTION_MS_MAX = 60_000

/**
 * Turns of the microtask queue between two events of one chunk. A browser has a task there; here that would be a way to
 * the host and back for each event. An `await` takes up to three of them.
 */
const TURNS_BETWEEN_EVENTS = 32

export class EventSource extends EventTarget {
  readonly #url: string
  readonly #withCredentials: boolean
  #readyState = STATES.CONNECTING
  #origin = ''
  #lastEventId = ''
  #reconnectionMs = RECONNECTION_MS
  #failures = 0
  /** Ends the fetch under way, or the reading of what it got. */
  #signal: AbortSignal = newSignal()
  #reader: ByteReader | null = null

  constructor(url: unknown, init: unknown = undefined) {
    super()
    this.#url = ''
    this.#withCredentials = false
    if (url === internally) return
    const context = "Failed to construct 'EventSource'"
    requireArguments(arguments.length, 1, context)
    const text = usvString(url)
    this.#withCredentials = !!dictionary(init, context).withCredentials
    const target = parseApiUrl(text)
    if (target === null) throw new DOMException(`${context}: The URL '${text}' is invalid.`, 'SyntaxError')
    this.#url = serializeUrl(target)
    this.#connect()
  }

  /** The events of a stream of bytes. When it ends the source is closed: there is nothing to connect to anew. */
  static from(stream: unknown): EventSource {
    const context = "Failed to execute 'from' on 'EventSource'"
    requireArguments(arguments.length, 1, context)
    if (!isReadableStream(stream))
      throw new TypeError(`${context}: parameter 1 is not of type 'ReadableStream'.`)
    if (isLocked(stream)) throw new TypeError(`${context}: The stream is locked.`)
    const source = new EventSource(internally)
    source.#readyState = STATES.OPEN
    source.#read(readBytes(stream))
    return source
  }

  get url(): string {
    return this.#url
  }

  get withCredentials(): boolean {
    return this.#withCredentials
  }

  get readyState(): number {
    return this.#readyState
  }

  get onopen(): object | null {
    void this.#url
    return eventHandler(this, 'open')
  }

  set onopen(value: unknown) {
    void this.#url
    setEventHandler(this, 'open', value)
  }

  get onmessage(): object | null {
    void this.#url
    return eventHandler(this, 'message')
  }

  set onmessage(value: unknown) {
    void this.#url
    setEventHandler(this, 'message', value)
  }

  get onerror(): object | null {
    void this.#url
    return eventHandler(this, 'error')
  }

  set onerror(value: unknown) {
    void this.#url
    setEventHandler(this, 'error', value)
  }

  close(): void {
    this.#readyState = STATES.CLOSED
    this.#release()
  }

  #connect(): void {
    this.#signal = newSignal()
    const headers: Record<string, string> = { __proto__: null as never, accept: 'text/event-stream' }
    if (this.#lastEventId !== '') headers['last-event-id'] = bytesAsUnits(this.#lastEventId)
    promiseThen(
      fetch(this.#url, { __proto__: null, headers, cache: 'no-store', signal: this.#signal }),
      response => this.#answered(response),
      () => this.#reconnect(),
    )
  }

  #answered(response: Response): void {
    if (this.#readyState === STATES.CLOSED) return
    const body = responseBody(response)
    const type = mimeTypeOf(responseHeaders(response))
    const isEventStream = type?.essence === 'text/event-stream'
    if (responseStatus(response) !== 200 || !isEventStream) {
      body?.cancel(undefined)
      return this.#fail()
    }
    const url = parseUrl(responseUrl(response))
    this.#origin = url === null ? '' : originOf(url)
    this.#readyState = STATES.OPEN
    this.#failures = 0
    dispatchTrusted(this, new Event('open'))
    if (this.#isClosed()) body?.cancel(undefined)
    else if (body === null) this.#reconnect()
    else this.#read(readBytes(body.stream))
  }

  #read(reader: ByteReader): void {
    this.#reader = reader
    let events: StreamEvent[] = []
    const stream = readEventStream(this.#lastEventId, event => void arrayPush(events, event))
    const next = (): void =>
      void promiseThen(
        reader.next(),
        bytes => {
          if (bytes === null) return this.#ended()
          stream.push(bytes)
          this.#remember(stream)
          const complete = events
          events = []
          this.#tell(complete, 0, next)
        },
        () => this.#ended(),
      )
    next()
  }

  /** Tells of events, with some turns between them: whoever awaits one can listen for the next. */
  #tell(events: readonly StreamEvent[], from: number, then: () => void): void {
    if (this.#isClosed()) return
    if (from < events.length) {
      const { type, data, lastEventId } = events[from]!
      const init = { __proto__: null, data, lastEventId, origin: this.#origin }
      dispatchTrusted(this, new MessageEvent(type, init))
    }
    if (from + 1 >= events.length) return this.#isClosed() ? undefined : then()
    afterTurns(TURNS_BETWEEN_EVENTS, () => this.#tell(events, from + 1, then))
  }

  #later(callback: () => void, delayMs: number): void {
    try {
      startTimer(callback, delayMs, false)
    } catch {
      // There is no request to wait for, or no room for another timer.
      this.#fail()
    }
  }

  #remember({ lastEventId, reconnectionMs }: EventStream): void {
    this.#lastEventId = lastEventId
    if (reconnectionMs !== null) this.#reconnectionMs = reconnectionMs
  }

  #ended(): void {
    if (this.#isClosed()) return
    this.#reader = null
    if (this.#url === '') this.#fail()
    else this.#reconnect()
  }

  /** https://html.spec.whatwg.org/multipage/server-sent-events.html#reestablish-the-connection */
  #reconnect(): void {
    if (this.#isClosed()) return
    this.#readyState = STATES.CONNECTING
    dispatchTrusted(this, new Event('error'))
    if (this.#isClosed()) return
    const delay = this.#reconnectionMs * 2 ** this.#failures
    if (delay < RECONNECTION_MS_MAX) this.#failures++
    this.#later(
      () => {
        if (!this.#isClosed()) this.#connect()
      },
      delay < RECONNECTION_MS_MAX ? delay : RECONNECTION_MS_MAX,
    )
  }

  #fail(): void {
    if (this.#isClosed()) return
    this.#readyState = STATES.CLOSED
    this.#release()
    dispatchTrusted(this, new Event('error'))
  }

  /** Gives up the fetch under way, and the stream. */
  #release(): void {
    abortSignal(this.#signal)
    this.#reader?.cancel(undefined)
    this.#reader = null
  }

  #isClosed(): boolean {
    return this.#readyState === STATES.CLOSED
  }
}

defineInterface('EventSource', EventSource, STATES)

/** UTF-8 as a header has it: a code unit for each byte. */
function bytesAsUnits(text: string): string {
  const bytes = utf8Encode(text)
  let units = ''
  for (let i = 0; i < bytes.length; i++) units += fromCharCode(bytes[i]!)
  return units
}

function afterTurns(turns: number, then: () => void): void {
  promiseThen(promiseResolve(undefined), () => (turns > 1 ? afterTurns(turns - 1, then) : then()))
}
