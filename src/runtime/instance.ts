/**
 * An app in an isolate: starts it, pumps events in and records out, and ends it.
 *
 * While the isolate is idle, all queued events enter in one call; while it runs, they gather. Batches grow with
 * load and the cost of crossing melts away; with no load an event enters at once.
 */
import { decodeBundle } from '../bundle.ts'
import type { Termination } from '../outcome.ts'
import { EVENT, REQUEST_BODY } from '../sandbox/wire.ts'
import { CallMeter, NS_PER_MS } from './call-meter.ts'
import { Grace } from './cpu-clock.ts'
import { GuestRecords } from './guest-records.ts'
import { guestError, type Isolate, isMemoryLimit, type Transferable } from './isolate.ts'
import { Mailbox } from './mailbox.ts'
import type { EndReport, InstanceSpec, InstanceStats, StartPhases, StartResult } from './messages.ts'
import { FRAME, PIECE_BYTES } from './protocol.ts'
import { Violation } from './records.ts'
import type { RuntimeContext } from './runtime-context.ts'
import type { ServedRequest } from './served-request.ts'
import type { Look, Watched } from './watchdog.ts'

const MESSAGE_CHARS_MAX = 512

/** Why an instance ends, and the request to blame, or 0. */
interface Ending {
  reason: Termination
  message: string
  guilty: number
}

export class Instance implements Watched {
  readonly id: number
  readonly spec: InstanceSpec
  readonly context: RuntimeContext
  readonly #isolate: Isolate
  readonly #mailbox: Mailbox
  readonly #records: GuestRecords
  #state: 'starting' | 'ready' | 'ending' | 'ended' = 'starting'
  running = false
  #end: Ending | null = null
  readonly #phasesMs: StartPhases = { isolate: 0, compile: 0, evaluate: 0 }
  readonly #started = Promise.withResolvers<StartResult>()
  #grace: Grace | null = null
  #isLost = false
  #isStuck = false

  readonly #meter: CallMeter
  #stagedBytes = 0
  #heap = { heapBytes: 0, externalBytes: 0 }
  #ranSinceStats = true
  /** Its last call sent more than a piece of a body. */
  #sendsMuch = false

  constructor(id: number, spec: InstanceSpec, isolate: Isolate, context: RuntimeContext) {
    this.id = id
    this.spec = spec
    this.context = context
    this.#isolate = isolate
    this.#meter = new CallMeter(isolate)
    this.#mailbox = new Mailbox(isolate)
    this.#records = new GuestRecords(this)
    isolate.onCatastrophe = message => {
      this.#lost({
        reason: 'exceededMemory',
        message: `V8 gave the isolate up: ${message}`,
        guilty: this.#mailbox.current,
      })
    }
  }

  /**
   * Compiles and evaluates the app. Resolves however that ends. Nobody waits for an isolate that is to end and takes
   * its time.
   */
  start(bundle: Buffer, isolateMs: number): Promise<StartResult> {
    this.#phasesMs.isolate = isolateMs
    void this.#start(bundle)
    return this.#started.promise
  }

  async #start(bundle: Buffer): Promise<void> {
    const startedAt = performance.now()
    const phasesMs = this.#phasesMs
    this.#beginCall()
    this.#meter.isCompiling = true
    try {
      const app = await this.#isolate.compile(this.spec, decodeBundle(bundle))
      this.#meter.isCompiling = false
      phasesMs.compile = performance.now() - startedAt
      const handlers = await app.evaluate()
      phasesMs.evaluate = performance.now() - startedAt - phasesMs.compile
      this.#endCall()
      if (this.#end) return this.#startKilled(this.#end)
      this.#state = 'ready'
      this.#takeRecords()
      this.#started.resolve({ outcome: 'ok', phasesMs, handlers })
    } catch (error) {
      this.#endCall()
      if (this.#end) this.#startKilled(this.#end)
      else this.#startFailed(error)
    }
  }

  #startKilled(end: Ending): void {
    this.#close(end)
    this.#tellKilled(end)
  }

  /** Says how the start has ended, if it has not been said yet. */
  #tellKilled({ reason, message }: Ending): void {
    const outcome = reason === 'exceededCpu' || reason === 'exceededMemory' ? reason : 'startupError'
    const isEnding = this.#state !== 'ended'
    const { cpuMs } = this.#meter
    this.#started.resolve({ outcome, phasesMs: this.#phasesMs, message, cpuMs, isEnding })
  }

  #startFailed(error: unknown): void {
    const { message: thrown, stack } = guestError(error)
    const isMemory = isMemoryLimit(error)
    const message = isMemory ? this.#memoryMessage : thrown
    this.#close({ reason: isMemory ? 'exceededMemory' : 'startupError', message, guilty: 0 })
    const told = { phasesMs: this.#phasesMs, message, cpuMs: this.#meter.cpuMs }
    this.#started.resolve(
      isMemory ? { outcome: 'exceededMemory', ...told } : { outcome: 'startupError', ...told, stack },
    )
  }

  /** How often it was entered: while the number stays, it is idle. */
  get calls(): number {
    return this.#meter.calls
  }

  get isOver(): boolean {
    return this.#state === 'ending' || this.#state === 'ended'
  }

  /** A request for the app. */
  addRequest(request: ServedRequest, head: string): void {
    this.push(EVENT.request, request.id, request.body ? REQUEST_BODY : 0, undefined, head)
  }

  /** Queues an event and lets it enter as soon as the isolate is idle. */
  push(type: number, id: number, a = 0, extra?: Transferable, head = ''): void {
    if (this.isOver) return
    const { queue } = this.#mailbox
    if (queue.isFull) {
      return this.kill('protocolViolation', 'The app asks for more than it takes.', this.#mailbox.current)
    }
    queue.push(type, id, a, extra, head)
    if (!this.running) this.context.pumpSoon(this)
  }

  /** Takes a request that has not been handed over out of the queue. Whether it was there. */
  withdraw(id: number): boolean {
    return this.#mailbox.queue.withdraw(id)
  }

  /** Bytes of bodies that lie in this process for the app: they count as its memory. */
  readonly account = (deltaBytes: number): void => {
    this.#meter.moved(deltaBytes)
    this.#stagedBytes += deltaBytes
    if (this.#stagedBytes > this.spec.limits.memoryMb * 2 ** 20) {
      this.kill('exceededMemory', 'Bodies that the app collects are larger than its memory.', 0)
    }
  }

  readonly #onRoom = (): void => this.pump()

  /** Enters the isolate with what is queued, if it is idle. */
  pump(): void {
    if (this.running || this.#state !== 'ready') return
    if (!this.#mailbox.hasWork) return
    // What it has sent last lies before its neighbours' frames: the next comes when the scheduler has taken that.
    if (this.#sendsMuch && this.context.writer.isFull) return this.context.writer.whenRoom(this.#onRoom)
    this.#beginCall()
    this.#mailbox.enter().then(this.#returned, this.#rejected)
  }

  #beginCall(): void {
    this.running = true
    this.#ranSinceStats = true
    this.#meter.begin()
    this.context.watchdog.watch(this)
  }

  #endCall(): void {
    this.running = false
    this.#meter.end(this.context.watchdog.unwatch(this))
  }

  readonly #returned = (): void => {
    this.#endCall()
    if (this.#end) return this.#close(this.#end)
    this.#afterCall()
  }

  readonly #rejected = (error: unknown): void => {
    if (this.#end || this.#isolate.isDisposed) {
      this.#endCall()
      return this.#end ? this.#close(this.#end) : this.#exceededMemory()
    }
    // All has run to its end, and isolated-vm tells of a promise that was rejected and that nobody handles. To do so it
    // has read what was thrown: getters of the app's, and they may have left promises behind. Those are the call's, too.
    this.#records.log.exception(this.#mailbox.current, `Unhandled rejection: ${guestError(error).stack}`)
    this.#isolate.settle().then(this.#returned, this.#rejected)
  }

  #afterCall(): void {
    this.#mailbox.noteBegun()
    this.#takeRecords()
    if (!this.isOver) this.pump()
  }

  #takeRecords(): void {
    const { calls, nsEach } = this.#meter
    try {
      const texts = this.#mailbox.takeTexts()
      const bytes = this.#mailbox.takeOutbox()
      this.#meter.moved(bytes)
      this.#sendsMuch = bytes + (texts?.chars ?? 0) > PIECE_BYTES
      this.#records.take(this.#mailbox.outbox, bytes, texts, nsEach, calls)
    } catch (error) {
      // Whatever an isolate brings about here, it ends that isolate and not the process.
      const message = error instanceof Violation ? error.message : `Its records cannot be read: ${error}`
      const reason = this.#isolate.isDisposed ? 'exceededMemory' : 'protocolViolation'
      this.kill(reason, message.slice(0, MESSAGE_CHARS_MAX), this.#mailbox.current)
      return
    }
    const current = this.context.requests.get(this.#mailbox.current)
    if (current?.instance !== this) return
    this.#records.charge(current, nsEach, calls)
    if (current.cpuNs > this.spec.limits.cpuMs * NS_PER_MS) this.#exceededCpu(current.id)
  }

  /** The watchdog's look at a running isolate. */
  poll(look: Look): void {
    if (this.#end) {
      if (this.#state === 'starting') {
        this.#state = 'ending'
        this.#tellKilled(this.#end)
      }
      if (this.#grace?.spend(look.now, look.share)) this.#lost(this.#end)
      else if (this.#grace?.isDoubtful) this.#tellStuck()
      return
    }
    const { current } = this.#mailbox
    const usedNs = this.context.requests.get(current)?.cpuNs ?? 0
    const allowance = { usedNs, limitMs: this.#limitMs, entersRequests: this.#state === 'ready' }
    switch (this.#meter.look(look, allowance)) {
      case 'gone':
        // isolated-vm has given it up, for its memory, and still its code may run on and grow.
        return this.#exceededMemory()
      case 'overrun':
        return this.#exceededCpu(current)
      case 'stall':
        this.kill('exceededCpu', 'The isolate stood still, waiting for something that cannot come.', current)
    }
  }

  /** CPU time that who is running may use. */
  get #limitMs(): number {
    const { cpuMs, startupCpuMs } = this.spec.limits
    return this.#state === 'starting' ? startupCpuMs : cpuMs
  }

  get #memoryMessage(): string {
    const who = this.#state === 'starting' ? "The app's top level" : 'The instance'
    return `${who} used more than ${this.spec.limits.memoryMb} MB of memory.`
  }

  #exceededMemory(): void {
    this.kill('exceededMemory', this.#memoryMessage, this.#mailbox.current)
  }

  #exceededCpu(guilty: number): void {
    const who = this.#state === 'starting' ? "The app's top level" : 'The request'
    this.kill('exceededCpu', `${who} used more than ${this.#limitMs} ms of CPU time.`, guilty)
  }

  /** This process has used so much CPU time for the app, which no request pays. */
  served(ns: number): void {
    this.#meter.served(ns)
  }

  /** Work that this process has done for a request counts as the request's own. */
  chargeHost(id: number, ns: number): void {
    const request = this.context.requests.get(id)
    if (request?.instance !== this) return
    this.#meter.served(ns)
    request.cpuNs += ns
    if (request.cpuNs > this.spec.limits.cpuMs * NS_PER_MS) this.#exceededCpu(id)
  }

  /** Ends the instance at the scheduler's word. If it is for its memory, whoever is running is to blame. */
  stop(reason: Termination): void {
    if (reason !== 'exceededMemory') return this.kill(reason, 'The instance was stopped.', 0)
    const { memoryMb } = this.spec.limits
    const message = `The instance used far more than ${memoryMb} MB of memory, outside of its heap.`
    this.kill(reason, message, this.running ? this.#mailbox.current : 0)
  }

  /** Ends the instance now, for a reason that condemns it; a request is to blame, or none (0). */
  kill(reason: Termination, message: string, guilty: number): void {
    if (this.#end || this.#state === 'ended') return
    this.#end = { reason, message, guilty }
    if (this.#state !== 'starting') this.#state = 'ending'
    this.#isolate.dispose()
    if (!this.running) return this.#close(this.#end)
    this.#grace = new Grace(this.context.killGraceMs, performance.now())
  }

  #tellStuck(): void {
    if (this.#isStuck) return
    this.#isStuck = true
    this.context.writer.frame(FRAME.stuck, 0, this.id, 0)
  }

  /** Nothing in this process can end the isolate: the process has to go. */
  #lost(end: Ending): void {
    if (this.#isLost || this.#state === 'ended') return
    this.#isLost = true
    this.context.catastrophe(this, this.#report(this.#end ?? end))
  }

  #close(end: Ending): void {
    if (this.#state === 'ended') return
    const wasStarting = this.#state === 'starting'
    this.#state = 'ended'
    this.#isolate.dispose()
    const report = this.#report(end)
    this.#mailbox.queue.clear()
    this.#records.close()
    this.context.ended(this)
    if (!wasStarting) this.context.writer.json(FRAME.ended, 0, this.id, report)
  }

  #report({ reason, message, guilty }: Ending): EndReport {
    const untouched = this.#mailbox.untouched()
    // What the call that is cut off has said lies in shared memory still.
    this.#records.takeLast(this.#mailbox.outbox, this.#mailbox.takeOutbox(), guilty)
    const { heapBytes } = this.#heap
    const { cpuMs } = this.#meter
    return {
      end: { reason, message, cpuMs, heapBytes, guiltyCpuMs: this.#usedMs(guilty) },
      guilty,
      untouched,
    }
  }

  /** CPU time that a request has used, the call under way included. */
  #usedMs(id: number): number {
    const request = this.context.requests.get(id)
    if (!request) return 0
    const uncharged = request.chargedCall === this.calls ? 0 : this.#meter.unchargedNs
    return (request.cpuNs + uncharged) / NS_PER_MS
  }

  /** What has happened since the last call; null if nothing has. */
  stats(now: number): InstanceStats | null {
    if (!this.#ranSinceStats && this.#mailbox.queue.length === 0 && !this.#meter.wasServed) return null
    if (!this.running) {
      this.#heap = this.#isolate.heapBytes() ?? this.#heap
      this.#ranSinceStats = false
    }
    const { heapBytes, externalBytes } = this.#heap
    return {
      instance: this.id,
      heapBytes,
      externalBytes: externalBytes + this.#mailbox.wasmBytes,
      ...this.#meter.report(now, this.running),
      queued: this.#mailbox.waiting,
    }
  }
}
