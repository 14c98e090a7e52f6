/** An isolate with an app in it, as the scheduler sees it: where it is, what it is doing, whose it is. */
import { firstChars } from '../first-chars.ts'
import type { InstanceEnd, InstanceStats, RequestEnd } from '../runtime/messages.ts'
import type { DispatchedExchange } from './dispatch.ts'
import type { Runtime } from './runtime.ts'

/** Who started an instance and hears what becomes of it. */
export interface InstanceOwner {
  readonly name: string
  /** The version's id; empty for a version on trial. */
  readonly version: string
  /** It is being started: requests may be sent ahead, to be there when it is ready. */
  onStarting(instance: Instance): void
  /** It is ready, and what was sent ahead is being served. */
  onStarted(instance: Instance): void
  /** It has not started: these requests were sent ahead and have not been answered. */
  onReturned(instance: Instance, exchanges: DispatchedExchange[]): void
  /** A request and its waitUntil work are over. */
  onFinished(instance: Instance, exchange: DispatchedExchange, end: RequestEnd): void
  /** The instance is gone, and with it these requests. A failed start is told by `Runtime.start` alone. */
  onEnded(instance: Instance, end: InstanceEnd, failed: FailedRequests): void
  /** Memory is short, and nothing keeps this idle instance. */
  onUnwanted(instance: Instance): void
  /** The stack of an exception in terms of the app's sources; null: as it is. Never rejects. */
  shownStack(stack: string): Promise<string> | null
}

export interface FailedRequests {
  guilty: DispatchedExchange | null
  entered: DispatchedExchange[]
  untouched: DispatchedExchange[]
  /** The app is taken for the cause of the death of a whole runtime. */
  suspect: boolean
}

/** Console lines kept of each instance, and characters of each, for the record of a kill. */
const LAST_LINES_MAX = 20
const LAST_LINE_CHARS_MAX = 500

export class Instance {
  /** Unique within its runtime. */
  readonly id: number
  readonly runtime: Runtime
  owner: InstanceOwner
  /** `lost`: its runtime has gone, and what that means for its requests is still to be decided. */
  state: 'starting' | 'ready' | 'draining' | 'lost' | 'ended' = 'starting'
  /** It has been ready once. */
  started = false
  /** It has been told to close its WebSockets. */
  windingDown = false
  /** Requests it holds, waitUntil work included. */
  inFlight = 0
  /** Milliseconds since the epoch. */
  readonly startedAt = Date.now()
  /** On the scheduler's clock: since when it has held no request. */
  idleSince = 0
  heapBytes = 0
  externalBytes = 0
  /** As of the last heartbeat. */
  busy = 0
  queued = 0
  /** Between the last two heartbeats. */
  cpuMs = 0
  servedMs = 0
  /** By which it has certainly grown its process, whatever it says itself. */
  grownBytes = 0
  /** What it may use. */
  readonly memoryBytesMax: number
  /** CPU time that heartbeats have told of so far. */
  cpuMsTold = 0
  /** The app's last console lines. */
  readonly lastLines: string[] = []

  constructor(
    id: number,
    { runtime, owner, memoryBytesMax }: { runtime: Runtime; owner: InstanceOwner; memoryBytesMax: number },
  ) {
    this.id = id
    this.runtime = runtime
    this.owner = owner
    this.memoryBytesMax = memoryBytesMax
  }

  /** It holds more than it may use, or has certainly grown its process by that. */
  get isOvergrown(): boolean {
    return Math.max(this.grownBytes, this.memoryBytes) > this.memoryBytesMax
  }

  /** As far as it is known: without WebAssembly memories that no JavaScript has seen. */
  get memoryBytes(): number {
    return this.heapBytes + this.externalBytes
  }

  /** Takes in what a heartbeat told; null: nothing has happened since the last one. */
  update(stats: InstanceStats | null): void {
    this.busy = stats?.busy ?? 0
    this.queued = stats?.queued ?? 0
    this.cpuMs = stats?.cpuMs ?? 0
    this.cpuMsTold += this.cpuMs
    this.servedMs = stats?.servedMs ?? 0
    if (!stats) return
    this.heapBytes = stats.heapBytes
    this.externalBytes = stats.externalBytes
  }

  remember(line: string): void {
    const isLong = line.length > LAST_LINE_CHARS_MAX
    this.lastLines.push(isLong ? `${firstChars(line, LAST_LINE_CHARS_MAX)}…` : line)
    if (this.lastLines.length > LAST_LINES_MAX) this.lastLines.shift()
  }
}
