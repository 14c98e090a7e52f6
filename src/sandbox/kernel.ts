/**
 * The isolate's side of the pump: takes events from the host, runs guest code for them, and leaves records.
 *
 * The host calls `enter` with a batch of events. They are taken in order; the next request is entered only when
 * the one before is over, within the same call if that happens there (so that batches of quick requests cost one
 * crossing), else in a call of its own. That keeps it certain whose code is running: the watchdog reads
 * `CONTROL.current`, and every limit is counted against the right request.
 */

import { digestArrived } from './digests.ts'
import { fetchFailed, fetchOwner, fetchResponded } from './fetches.ts'
import { finalizeNext, hasFinalizations } from './finalization.ts'
import { collectGarbage } from './garbage.ts'
import { bodyArrived, bodyBroken, bodyCollected, bodyEnded } from './incoming.ts'
import { logException } from './logging.ts'
import { beginCall, replaceOutbox, roomBytes } from './outbox.ts'
import { outgoing } from './outgoing.ts'
import {
  arrayPush,
  isSharedArrayBuffer,
  mapForEach,
  mapGet,
  stringIndexOf,
  stringSlice,
} from './primordials.ts'
import { appContext, RequestContext, requests, setCurrent, whenOver } from './request-context.ts'
import { serve } from './serve.ts'
import { arm, dueTimers, fire } from './timers.ts'
import { countWasmMemory } from './web-assembly.ts'
import { CONTROL, EVENT, EVENT_INTS, EVENTS_OFFSET, REQUEST_BODY, REQUEST_NEXT_TEXT } from './wire.ts'

/** With less room than this in the outbox no further request is entered in this call. */
const ENTER_ROOM_BYTES = 8192

const now = Date.now

/** What is to be run, and on whose behalf. */
interface Task {
  owner: RequestContext
  run: () => void
}

let control: Int32Array
let events: Int32Array
let queue: Task[] = []
let next = 0
let callStarted = 0
/** Whose code this call ran last. */
let entered: RequestContext | null = null
let stepping = false

export function openKernel(controlMemory: SharedArrayBuffer): void {
  control = new Int32Array(controlMemory)
  events = new Int32Array(controlMemory, EVENTS_OFFSET)
  // `current` stays: what the request has left behind may still run, a loop of microtasks, say.
  whenOver(() => {
    if (now() === callStarted) step()
  })
}

/** One call from the host; see wire.ts. A SharedArrayBuffer as the first of `extras` is a new outbox. */
export function enter(text: string, extras: unknown[]): void {
  const outboxes = extras.length > 0 && isSharedArrayBuffer(extras[0]) ? 1 : 0
  if (outboxes) replaceOutbox(extras[0] as SharedArrayBuffer)
  countWasmMemory()
  callStarted = now()
  entered = null
  control[CONTROL.current] = 0
  setCurrent(appContext)
  const resumed = beginCall()
  const waiting: Task[] = []
  for (let i = 0; i < resumed.length; i++)
    arrayPush(waiting, { owner: resumed[i]!.owner, run: resumed[i]!.run })
  for (; next < queue.length; next++) arrayPush(waiting, queue[next]!)
  queue = waiting
  next = 0
  takeEvents(text, extras, outboxes)
  queueFinalization()
  step()
}

/** One at a time: what it throws is told, and the others follow. */
function queueFinalization(): void {
  if (hasFinalizations()) arrayPush(queue, { owner: appContext, run: finalize })
}

function finalize(): void {
  try {
    finalizeNext()
  } finally {
    queueFinalization()
  }
}

function takeEvents(firstText: string, extras: unknown[], firstExtra: number): void {
  const count = control[CONTROL.incoming]!
  control[CONTROL.incoming] = 0
  let text = firstText
  let from = 0
  let extra = firstExtra
  for (let i = 0; i < count; i++) {
    const at = i * EVENT_INTS
    const id = events[at + 1]! >>> 0
    const a = events[at + 2]!
    switch (events[at]) {
      case EVENT.request: {
        if (a & REQUEST_NEXT_TEXT) {
          text = extras[extra++] as string
          from = 0
        }
        const to = stringIndexOf(text, '\0', from)
        const head = to < 0 ? stringSlice(text, from) : stringSlice(text, from, to)
        from = to + 1
        const context = new RequestContext(id)
        arrayPush(queue, { owner: context, run: () => begin(context, head, (a & REQUEST_BODY) !== 0) })
        break
      }
      case EVENT.windDown:
        mapForEach(requests, context => {
          if (context.onWindDown) arrayPush(queue, { owner: context, run: () => context.onWindDown!(a) })
        })
        break
      case EVENT.collect:
        collectGarbage()
        break
      case EVENT.wake: {
        const due = dueTimers()
        for (let j = 0; j < due.length; j++) {
          const timer = due[j]!
          arrayPush(queue, { owner: timer.owner, run: () => fire(timer) })
        }
        arm()
        break
      }
      default:
        addTask(events[at]!, id, a, TAKES_EXTRA[events[at]!] ? extras[extra++] : undefined)
    }
  }
}

function begin(context: RequestContext, head: string, hasBody: boolean): void {
  control[CONTROL.begun]!++
  // Its client may have left while it waited here.
  if (!context.over) serve(context, head, hasBody)
}

const TAKES_EXTRA: Record<number, true> = {
  __proto__: null,
  [EVENT.chunk]: true,
  [EVENT.collected]: true,
  [EVENT.broken]: true,
  [EVENT.fetched]: true,
  [EVENT.fetchFailed]: true,
  [EVENT.digested]: true,
} as never

function addTask(type: number, id: number, a: number, extra: unknown): void {
  const task = taskFor(type, id, a, extra)
  if (task) arrayPush(queue, task)
}

/** What an event asks for; null if what it speaks of is over. */
function taskFor(type: number, id: number, a: number, extra: unknown): Task | null {
  switch (type) {
    case EVENT.abort:
    case EVENT.expire: {
      const owner = mapGet(requests, id)
      return owner ? { owner, run: () => (type === EVENT.abort ? owner.abort() : owner.close()) } : null
    }
    case EVENT.chunk:
      return bodyArrived(id, extra)
    case EVENT.collected:
      return bodyCollected(id, extra as ArrayBuffer | string, a === 0)
    case EVENT.end:
      return bodyEnded(id)
    case EVENT.broken:
      return bodyBroken(id, extra as string)
    case EVENT.credit:
    case EVENT.unwanted:
    case EVENT.piped: {
      const body = outgoing(id)
      if (!body) return null
      const run = () => {
        if (type === EVENT.credit) body.addCredit(a)
        else if (type === EVENT.piped) body.piped(a === 1)
        else body.stop(new TypeError('The receiver closed the connection.'))
      }
      return { owner: body.owner, run }
    }
    case EVENT.fetched:
    case EVENT.fetchFailed: {
      const owner = fetchOwner(id)
      if (!owner) return null
      const run = () =>
        type === EVENT.fetched ? fetchResponded(id, a, extra as string) : fetchFailed(id, extra as string)
      return { owner, run }
    }
    case EVENT.digested:
      return digestArrived(id, extra as ArrayBuffer)
    default:
      return null
  }
}

/** Runs tasks until one request must go on in a call of its own. */
function step(): void {
  if (stepping) return
  stepping = true
  let first = true
  while (next < queue.length && roomBytes() >= ENTER_ROOM_BYTES) {
    const task = queue[next]!
    const { owner } = task
    if (owner !== entered) {
      if (entered && !entered.over) break
      if (!first && now() !== callStarted) break
      entered = owner
      setCurrent(owner)
      control[CONTROL.current] = owner.id
      control[CONTROL.entries]!++
    }
    first = false
    next++
    try {
      task.run()
    } catch (error) {
      logException(owner, error)
    }
  }
  stepping = false
  countWasmMemory()
  control[CONTROL.queued] = queue.length - next
}
