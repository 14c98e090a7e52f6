/**
 * Timers: a binary heap in the isolate and one wake-up with the host, however many timers there are.
 */

import { at, out, record, recordUint32 } from './outbox.ts'
import { arrayPop, arrayPush, arraySort, floor, mapDelete, mapGet, mapSet, mapSize } from './primordials.ts'
import { type RequestContext, requireRequest } from './request-context.ts'
import { LIMIT_NOTICES, RECORD } from './wire.ts'

const now = Date.now
const writeFloat64 = (value: number) => {
  const bytes = new Uint8Array(new Float64Array([value]).buffer)
  for (let i = 0; i < 8; i++) out[at + i] = bytes[i]!
}

/** The longest delay, as in browsers: beyond it a timer fires at once. */
const DELAY_MS_MAX = 2 ** 31 - 1

let timersMax = 0
let lastId = 0
const timers = new Map<number, Timer>()
const heap: Timer[] = []
/** When the host will wake us; Infinity if it will not. */
let armedFor = Infinity

export class Timer {
  readonly id: number
  readonly owner: RequestContext
  readonly callback: () => void
  readonly repeatMs: number
  due: number
  /** Of those due at the same time, who was started first fires first. */
  order = 0
  cancelled = false

  constructor(owner: RequestContext, callback: () => void, due: number, repeatMs: number) {
    this.id = ++lastId
    this.owner = owner
    this.callback = callback
    this.due = due
    this.repeatMs = repeatMs
  }

  cancel(): void {
    this.cancelled = true
    mapDelete(timers, this.id)
    this.owner.removeTimer(this)
  }
}

export function limitTimers(max: number): void {
  timersMax = max
}

/** Starts a timer for the current request. `repeatMs` -1: once. RangeError past the limit. */
export function startTimer(callback: () => void, delayMs: number, repeats: boolean): number {
  const owner = requireRequest(repeats ? 'setInterval()' : 'setTimeout()')
  if (mapSize(timers) >= timersMax) {
    recordUint32(RECORD.limit, owner.id, LIMIT_NOTICES.indexOf('timers'))
    throw new RangeError(`An instance may have ${timersMax} timers at once.`)
  }
  if (heap.length > 2 * timersMax) sweep()
  const delay = delayMs >= 1 && delayMs <= DELAY_MS_MAX ? floor(delayMs) : repeats ? 1 : 0
  const timer = new Timer(owner, callback, now() + delay, repeats ? delay : -1)
  mapSet(timers, timer.id, timer)
  owner.addTimer(timer)
  push(timer)
  arm()
  return timer.id
}

export function stopTimer(id: number): void {
  mapGet(timers, id)?.cancel()
}

/** The timers that are due, in order; each is to be run on behalf of its owner, by `fire`. */
export function dueTimers(): Timer[] {
  const due: Timer[] = []
  const time = now()
  armedFor = Infinity
  while (heap.length > 0 && (heap[0]!.cancelled || heap[0]!.due <= time)) {
    const timer = pop()
    if (!timer.cancelled) arrayPush(due, timer)
  }
  return due
}

/** Runs a due timer's callback, which may throw, and sees to its next time. */
export function fire(timer: Timer): void {
  if (timer.cancelled) return
  if (timer.repeatMs >= 0) {
    timer.due = now() + timer.repeatMs
    push(timer)
    // The wake-up asked for may be a later timer's.
    arm()
  } else {
    timer.cancel()
  }
  timer.callback()
}

/** Has the host wake us for the first timer, if it would come too late. */
export function arm(): void {
  while (heap.length > 0 && heap[0]!.cancelled) pop()
  const first = heap[0]
  if (!first || first.due >= armedFor) return
  armedFor = first.due
  record(RECORD.wake, 0, 8)
  const delay = first.due - now()
  writeFloat64(delay > 0 ? delay : 0)
}

/** Drops the cancelled from the heap, which otherwise keeps each until it would have been due. */
function sweep(): void {
  const live: Timer[] = []
  for (let i = 0; i < heap.length; i++) if (!heap[i]!.cancelled) arrayPush(live, heap[i]!)
  arraySort(live, (a, b) => (isBefore(a, b) ? -1 : 1))
  heap.length = 0
  for (let i = 0; i < live.length; i++) push(live[i]!)
}

let pushed = 0

function isBefore(a: Timer, b: Timer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}

function push(timer: Timer): void {
  timer.order = ++pushed
  let i = heap.length
  arrayPush(heap, timer)
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (isBefore(heap[parent]!, timer)) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = timer
}

function pop(): Timer {
  const first = heap[0]!
  const last = arrayPop(heap) as Timer
  const size = heap.length
  if (size === 0) return first
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= size) break
    if (child + 1 < size && isBefore(heap[child + 1]!, heap[child]!)) child++
    if (isBefore(last, heap[child]!)) break
    heap[i] = heap[child]!
    i = child
  }
  heap[i] = last
  return first
}
