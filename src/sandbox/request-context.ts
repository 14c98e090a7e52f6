/**
 * One request in the isolate: what it may still use, what it waits for, and when it is over.
 *
 * A call from the host runs one request's code at a time (kernel.ts). So whatever guest code asks for belongs to
 * `current`, however many promises lie between the handler and the asking.
 */
import { recordText } from './outbox.ts'
import { arrayPush, arrayShift, mapDelete, mapSet, setAdd, setDelete, setForEach } from './primordials.ts'
import { abortIncomingRequest, type Request } from './request.ts'
import type { Timer } from './timers.ts'
import { RECORD } from './wire.ts'

/** Requests that are not over, by id. */
export const requests = new Map<number, RequestContext>()

let tellOver: () => void = () => {}

/** Has `tell` called whenever a request is over. */
export function whenOver(tell: () => void): void {
  tellOver = tell
}

export class RequestContext {
  /** 0 is the app itself: its top level, before any request. */
  readonly id: number
  request: Request | null = null
  /** The response is complete, or nothing will come of it. */
  responded = false
  over = false
  aborted = false
  /** The host knows already that the request is over. */
  told = false
  /** Why the app failed, if it did. */
  failure = ''
  /** The client asks for a WebSocket: the request's body is what it sends over it. */
  isUpgrade = false
  /** Closes the client's WebSocket, if there is one. */
  onWindDown: ((code: number) => void) | null = null
  /** Stops the response that is being sent. */
  onAbort: (() => void) | null = null
  /** Promises given to waitUntil that have not settled. */
  waits = 0
  subrequests = 0
  subrequestsUnderWay = 0
  logLines = 0
  logBytes = 0
  /** Made with the first timer: most requests have none. */
  #timers: Set<Timer> | null = null
  /** They end what belongs to the request when it is over. */
  #ends: (() => void)[] | null = null

  constructor(id: number) {
    this.id = id
    if (id !== 0) mapSet(requests, id, this)
  }

  onOver(end: () => void): void {
    this.#ends ??= []
    arrayPush(this.#ends, end)
  }

  addTimer(timer: Timer): void {
    this.#timers ??= new Set()
    setAdd(this.#timers, timer)
  }

  removeTimer(timer: Timer): void {
    if (this.#timers) setDelete(this.#timers, timer)
  }

  /** The client or the platform gave the request up. */
  abort(): void {
    if (this.aborted || this.over) return
    this.aborted = true
    this.responded = true
    if (this.request) abortIncomingRequest(this.request)
    this.onAbort?.()
    this.closeIfDone()
  }

  closeIfDone(): void {
    if (this.responded && this.waits === 0) this.close()
  }

  /** Ends all that still goes on for this request. */
  close(): void {
    if (this.over) return
    this.over = true
    mapDelete(requests, this.id)
    if (this.#timers) setForEach(this.#timers, timer => timer.cancel())
    while (this.#ends && this.#ends.length > 0) (arrayShift(this.#ends) as () => void)()
    if (!this.told && this.id !== 0)
      recordText(RECORD.finished, this.id, this.failure === '' ? 0 : 1, this.failure)
    tellOver()
  }
}

/** The app itself. */
export const appContext = new RequestContext(0)

/** Whose code runs now. */
export let current: RequestContext = appContext

export function setCurrent(context: RequestContext): void {
  current = context
}

/** The request that asks for `what`; a TypeError outside of one, and after its end. */
export function requireRequest(what: string): RequestContext {
  if (current === appContext) {
    throw new TypeError(
      `${what} is not allowed in global scope: it can only be used while handling a request.`,
    )
  }
  if (current.over) {
    throw new TypeError(`${what} was called after its request was over; keep it open with ctx.waitUntil().`)
  }
  return current
}
