/**
 * WebSocket and WebSocketPair: a standard client (https://websockets.spec.whatwg.org/), and Cloudflare's two ends, of
 * which an app keeps one and returns the other in a Response.
 *
 * A socket's other side is a Link: the other end of the pair, or the network. An end that is returned in a Response is
 * no socket any more: what comes to it goes on to the network, and what the network says goes on to its other end.
 */
import { blobBytes, createBlob, isBlob } from './blob.ts'
import { CloseEvent } from './close-event.ts'
import { DOMException } from './dom-exception.ts'
import { ErrorEvent } from './error-event.ts'
import { dispatchTrusted, EventTarget, eventHandler, setEventHandler } from './event-target.ts'
import { Event } from './events.ts'
import { MessageEvent } from './message-event.ts'
import { arrayPush, arrayShift, promiseResolve, promiseThen } from './primordials.ts'
import { utf8Length } from './utf8.ts'
import {
  copyBytes,
  defineInterface,
  domString,
  internally,
  isBufferSource,
  requireArguments,
  unsignedShort,
  usvString,
} from './webidl.ts'
import { isSendableCode } from './websocket-frames.ts'
import { messageBytesMax } from './websocket-limits.ts'
import { type Link, Transport } from './websocket-transport.ts'

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

const REASON_BYTES_MAX = 123

const resolved = promiseResolve(undefined)

/** Has the link hear everything at the end of the turn: nobody is called in the middle of his own call. */
function later(link: Link): Link {
  return {
    message: data => void promiseThen(resolved, () => link.message(data)),
    close: (code, reason, wasClean) => void promiseThen(resolved, () => link.close(code, reason, wasClean)),
  }
}

export let isWebSocket: (value: object) => value is WebSocket
/** What a socket hears. */
export let inletOf: (socket: WebSocket) => Link
/** Gives a socket its other side. */
export let connect: (socket: WebSocket, link: Link, transport: Transport | null) => void
/** A client's socket is open, with this subprotocol. */
export let opened: (socket: WebSocket, protocol: string) => void
/** The end that an app returns becomes the way to its client. Throws if it is not to be had any more. */
export let handOver: (socket: WebSocket) => Transport

/** Begins what `new WebSocket()` stands for, and tells the URL; given by websocket-client.ts. */
let open: (socket: WebSocket, url: string, protocols: unknown) => string

export function openBy(opener: typeof open): void {
  open = opener
}

/** A transport that speaks to a server. */
export function clientTransport(target: Link): Transport {
  return new Transport(target, { isClient: true, messageBytesMax: messageBytesMax() })
}

export class WebSocket extends EventTarget {
  #url = ''
  #protocol = ''
  #readyState = CONNECTING
  #binaryType: 'arraybuffer' | 'blob' = 'arraybuffer'
  /** Where what is sent goes. */
  #link: Link | null = null
  #transport: Transport | null = null
  /** Events are dispatched; until then they wait. */
  #accepted = false
  #waiting: (() => void)[] = []
  /** This end has been handed over: what comes goes on there. */
  #onward: Link | null = null

  constructor(url: unknown, protocols: unknown = undefined) {
    super()
    if (url === internally) {
      this.#readyState = OPEN
      return
    }
    requireArguments(arguments.length, 1, "Failed to construct 'WebSocket'")
    this.#accepted = true
    this.#url = open(this, usvString(url), protocols)
  }

  /** From now on this end is the app's: events that waited are dispatched. */
  accept(): void {
    if (this.#onward !== null) throw new TypeError('This WebSocket has been handed over in a Response.')
    this.#accepted = true
    while (this.#waiting.length > 0) (arrayShift(this.#waiting) as () => void)()
  }

  send(message: unknown): void {
    requireArguments(arguments.length, 1, "Failed to execute 'send' on 'WebSocket'")
    if (this.#readyState === CONNECTING) {
      throw new DOMException(
        "Failed to execute 'send' on 'WebSocket': It is not open yet.",
        'InvalidStateError',
      )
    }
    if (!this.#accepted) throw new TypeError('Call accept() on this WebSocket before you send anything.')
    const data = isBufferSource(message)
      ? copyBytes(message)
      : isBlob(message)
        ? copyBytes(blobBytes(message))
        : usvString(message)
    if (this.#readyState === OPEN) this.#link?.message(data)
  }

  close(code: unknown = undefined, reason: unknown = undefined): void {
    const context = "Failed to execute 'close' on 'WebSocket'"
    const number = code === undefined ? 1005 : unsignedShort(code, context, 'clamp')
    if (code !== undefined && !isSendableCode(number)) {
      throw new DOMException(`${context}: ${number} is no code to close with.`, 'InvalidAccessError')
    }
    const text = reason === undefined ? '' : usvString(reason)
    if (utf8Length(text) > REASON_BYTES_MAX) {
      throw new DOMException(`${context}: The reason has more than ${REASON_BYTES_MAX} bytes.`, 'SyntaxError')
    }
    if (this.#readyState >= CLOSING) return
    if (this.#readyState === CONNECTING) {
      this.#readyState = CLOSING
      return this.#fail()
    }
    this.#readyState = CLOSING
    this.#link?.close(number, text, true)
  }

  get url(): string {
    return this.#url
  }

  get protocol(): string {
    return this.#protocol
  }

  get extensions(): string {
    void this.#url
    return ''
  }

  get readyState(): number {
    return this.#readyState
  }

  get bufferedAmount(): number {
    return this.#transport?.bufferedBytes ?? 0
  }

  get binaryType(): string {
    return this.#binaryType
  }

  set binaryType(value: unknown) {
    const type = domString(value)
    if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type
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

  get onclose(): object | null {
    void this.#url
    return eventHandler(this, 'close')
  }

  set onclose(value: unknown) {
    void this.#url
    setEventHandler(this, 'close', value)
  }

  get onerror(): object | null {
    void this.#url
    return eventHandler(this, 'error')
  }

  set onerror(value: unknown) {
    void this.#url
    setEventHandler(this, 'error', value)
  }

  #whenAccepted(act: () => void): void {
    if (this.#accepted || this.#onward !== null) act()
    else arrayPush(this.#waiting, act)
  }

  #receive(data: string | Uint8Array<ArrayBuffer>): void {
    if (this.#onward !== null) return this.#onward.message(data)
    if (this.#readyState === CLOSED) return
    const value =
      typeof data === 'string'
        ? data
        : this.#binaryType === 'blob'
          ? createBlob(data, '')
          : copyBytes(data).buffer
    dispatchTrusted(this, new MessageEvent('message', { data: value }))
  }

  #receiveClose(code: number, reason: string, wasClean: boolean): void {
    if (this.#onward !== null) return this.#onward.close(code, reason, wasClean)
    if (this.#readyState === CLOSED) return
    const answers = this.#readyState === OPEN && wasClean
    this.#readyState = wasClean ? CLOSING : CLOSED
    if (answers) this.#link?.close(code, reason, true)
    this.#readyState = CLOSED
    if (!wasClean) dispatchTrusted(this, new ErrorEvent('error', { message: 'The connection was lost.' }))
    dispatchTrusted(this, new CloseEvent('close', { code, reason, wasClean }))
  }

  #fail(): void {
    promiseThen(resolved, () => this.#receiveClose(1006, '', false))
  }

  static {
    isWebSocket = (value): value is WebSocket => #link in value
    connect = (socket, link, transport) => {
      socket.#link = link
      socket.#transport = transport
    }
    inletOf = socket => ({
      message: data => socket.#whenAccepted(() => socket.#receive(data)),
      close: (code, reason, wasClean) =>
        socket.#whenAccepted(() => socket.#receiveClose(code, reason, wasClean)),
    })
    handOver = socket => {
      const link = socket.#link
      if (socket.#accepted || socket.#onward !== null || link === null) {
        throw new TypeError(
          'A WebSocket that was accepted or returned before cannot be returned in a Response.',
        )
      }
      const transport = new Transport(link, { isClient: false, messageBytesMax: messageBytesMax() })
      socket.#onward = transport
      while (socket.#waiting.length > 0) (arrayShift(socket.#waiting) as () => void)()
      return transport
    }
    opened = (socket, protocol) => {
      if (socket.#readyState !== CONNECTING) return socket.#link?.close(1000, '', true)
      socket.#readyState = OPEN
      socket.#protocol = protocol
      dispatchTrusted(socket, new Event('open'))
    }
  }
}

const READY_STATES = { CONNECTING, OPEN, CLOSING, CLOSED }
defineInterface('WebSocket', WebSocket, {
  ...READY_STATES,
  READY_STATE_CONNECTING: CONNECTING,
  READY_STATE_OPEN: OPEN,
  READY_STATE_CLOSING: CLOSING,
  READY_STATE_CLOSED: CLOSED,
})

/** An open socket that nobody has accepted yet. */
export function newSocket(): WebSocket {
  return new (WebSocket as unknown as new (key: symbol) => WebSocket)(internally)
}

export class WebSocketPair {
  readonly 0: WebSocket
  readonly 1: WebSocket

  constructor() {
    const one = newSocket()
    const two = newSocket()
    connect(one, later(inletOf(two)), null)
    connect(two, later(inletOf(one)), null)
    this[0] = one
    this[1] = two
  }
}

defineInterface('WebSocketPair', WebSocketPair)
