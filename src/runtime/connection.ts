/** One scheduler's connection to this runtime: its frames, and the instances that it has started here. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import { bodyBytesRead } from '../body-memory.ts'
import { OUTCOMES, TERMINATIONS, type Termination } from '../outcome.ts'
import { EVENT } from '../sandbox/wire.ts'
import { mayBeTraced } from '../trace-context.ts'
import { Body } from './bodies.ts'
import { FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { IdleCollector } from './idle-collector.ts'
import { Instance } from './instance.ts'
import type { IsolatePool } from './isolate-pool.ts'
import type { EndReport, InstanceSpec, InstanceStats, RuntimeStats, StartResult } from './messages.ts'
import { FRAME, HAS_BODY, PROTOCOL_VERSION, ProtocolError } from './protocol.ts'
import { readJson } from './readers.ts'
import type { RuntimeContext } from './runtime-context.ts'
import { RequestTable, ServedRequest } from './served-request.ts'
import type { Upstream } from './subrequest.ts'
import { Watchdog } from './watchdog.ts'

export interface ConnectionOptions {
  token: string
  pool: IsolatePool
  fetcher: () => Promise<Upstream>
  cache: () => Promise<Upstream>
  killGraceMs: number
  traceContext: boolean
  /** The process' own figures, for heartbeats. */
  processStats: () => Pick<RuntimeStats, 'rssBytes' | 'eventLoopLagMs'>
  /** An isolate is beyond control; the scheduler has been told. */
  onCatastrophe: () => void
}

/** A start that has no isolate yet. */
interface PendingStart {
  spec: InstanceSpec
  bundle: Buffer
  /** Bytes of the bundle that have arrived. */
  have: number
  /** Requests that were sent ahead, to be there when the app is. */
  ahead: { id: number; head: string }[]
}

const LAUNCHES_AT_ONCE = 4
const QUIET_MAX = 4
/** Refreshing an instance's heap figures costs some 20 µs: this many at each heartbeat. */
const STATS_MAX = 100

export class Connection implements RuntimeContext {
  readonly writer: FrameWriter
  readonly requests = new RequestTable()
  readonly watchdog = new Watchdog()
  readonly killGraceMs: number
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #instances = new Map<number, Instance>()
  readonly #collector = new IdleCollector()
  readonly #starts = new Map<number, PendingStart>()
  readonly #toPump = new Set<Instance>()
  /** Starts whose bundle is complete, by id. */
  readonly #waiting: number[] = []
  #launching = 0
  #reading = false
  #greeted = false

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    this.killGraceMs = options.killGraceMs
    this.writer = new FrameWriter(socket, { isBusy: () => this.requests.size > QUIET_MAX })
    socket.setNoDelay(true)
    const reader = new FrameReader(this.#onFrame)
    socket.on('data', (bytes: Buffer) => {
      this.#reading = true
      bodyBytesRead(bytes.length)
      try {
        reader.push(bytes)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        socket.destroy(error)
      }
      this.#reading = false
      this.#pumpAll()
    })
    socket.on('error', () => {})
    socket.on('close', () => this.#onClose())
  }

  fetcher(): Promise<Upstream> {
    return this.#options.fetcher()
  }

  cache(): Promise<Upstream> {
    return this.#options.cache()
  }

  pumpSoon(instance: Instance): void {
    if (this.#toPump.size === 0 && !this.#reading) queueMicrotask(() => this.#pumpAll())
    this.#toPump.add(instance)
  }

  catastrophe(instance: Instance, report: EndReport): void {
    this.writer.json(FRAME.catastrophe, 0, instance.id, report)
    setTimeout(this.#options.onCatastrophe, 100)
  }

  ended(instance: Instance): void {
    this.#instances.delete(instance.id)
    for (const request of this.requests.of(instance)) {
      request.body?.cancel()
      this.requests.remove(request)
    }
  }

  #pumpAll(): void {
    for (const instance of this.#toPump) instance.pump()
    this.#toPump.clear()
  }

  readonly #onFrame = (type: number, flags: number, id: number, payload: Buffer): void => {
    if (type === FRAME.hello) return this.#hello(payload)
    if (!this.#greeted) throw new ProtocolError('no greeting')
    switch (type) {
      case FRAME.requests:
        return this.#addRequests(id, payload)
      case FRAME.chunk:
        return this.requests.get(id)?.body?.push(keepable(payload))
      case FRAME.end:
        return this.requests.get(id)?.body?.end()
      case FRAME.credit:
        return this.#credit(id, payload.readUInt32LE(0))
      case FRAME.abort:
        return this.#abort(id)
      case FRAME.start:
        return this.#start(id, readJson(payload) as unknown as InstanceSpec)
      case FRAME.bundle:
        return this.#bundle(id, payload)
      case FRAME.stop:
        return this.#stop(id, TERMINATIONS[flags] ?? 'shutdown')
      case FRAME.drain:
        return this.#instances.get(id)?.push(EVENT.windDown, 0, payload.readUInt16LE(0))
      case FRAME.ping:
        return this.#pong(id)
      default:
        throw new ProtocolError(`frame of unknown type ${type}`)
    }
  }

  #hello(payload: Buffer): void {
    const { protocol, token } = readJson(payload)
    if (typeof token !== 'string' || !sameSecret(token, this.#options.token))
      throw new ProtocolError('wrong token')
    this.#greeted = true
    this.writer.json(FRAME.hello, 0, 0, { protocol: PROTOCOL_VERSION, pid: process.pid })
    if (protocol !== PROTOCOL_VERSION) this.#socket.end()
  }

  #addRequests(instanceId: number, payload: Buffer): void {
    const count = payload.readUInt16LE(0)
    const heads = payload.latin1Slice(2 + 4 * count, payload.length).split('\0')
    if (heads.length !== count) throw new ProtocolError('heads and ids differ in number')
    const instance = this.#instances.get(instanceId)
    const ahead = this.#starts.get(instanceId)?.ahead
    for (let i = 0; i < count; i++) {
      const id = payload.readUInt32LE(2 + 4 * i)
      const head = heads[i]!
      if (instance) this.#addRequest(instance, (id & ~HAS_BODY) >>> 0, head, id >= HAS_BODY)
      else if (id < HAS_BODY) ahead?.push({ id, head })
    }
  }

  /** If the instance is gone the scheduler learns of it, or has learnt already, by `ended`. */
  #addRequest(instance: Instance, id: number, head: string, hasBody: boolean): void {
    if (instance.isOver) return
    const request = new ServedRequest(id, instance)
    if (hasBody) {
      const producer = { credit: (bytes: number) => this.writer.credit(id, bytes), cancel: () => {} }
      request.body = new Body(producer, instance.account)
    }
    if (this.#options.traceContext && mayBeTraced(head)) request.tracedHead = head
    this.requests.add(request)
    instance.addRequest(request, head)
  }

  #credit(id: number, bytes: number): void {
    const request = this.requests.get(id)
    if (!request) return
    request.credit += bytes
    if (request.piped) return request.piped.addSinkCredit(bytes)
    const owed = Math.min(request.creditDebt, bytes)
    request.creditDebt -= owed
    if (!request.ended && bytes > owed) request.instance.push(EVENT.credit, id, bytes - owed)
  }

  #abort(id: number): void {
    const request = this.requests.get(id)
    if (!request) return this.#abortAhead(id)
    request.piped?.cancel()
    request.body?.fail('The client has disconnected.')
    if (request.instance.withdraw(id)) {
      this.requests.remove(request)
      this.#canceled(id)
    } else {
      request.instance.push(EVENT.abort, id)
    }
  }

  #abortAhead(id: number): void {
    for (const { ahead } of this.#starts.values()) {
      const at = ahead.findIndex(request => request.id === id)
      if (at === -1) continue
      ahead.splice(at, 1)
      return this.#canceled(id)
    }
  }

  /** A request is over that the app never saw. */
  #canceled(id: number): void {
    const frame = this.writer.frame(FRAME.finished, 0, id, 8)
    frame.writeUInt32LE(OUTCOMES.indexOf('canceled'), 0)
    frame.writeUInt32LE(0, 4)
  }

  #start(id: number, spec: InstanceSpec): void {
    this.#starts.set(id, { spec, bundle: Buffer.allocUnsafeSlow(spec.bundleBytes), have: 0, ahead: [] })
    if (spec.bundleBytes === 0) throw new ProtocolError('empty bundle')
  }

  #bundle(id: number, piece: Buffer): void {
    const pending = this.#starts.get(id)
    if (!pending) return
    pending.have += piece.copy(pending.bundle, pending.have)
    if (pending.have < pending.bundle.length) return
    this.#waiting.push(id)
    this.#launchNext()
  }

  #stop(id: number, reason: Termination): void {
    if (this.#starts.delete(id)) {
      const phasesMs = { isolate: 0, compile: 0, evaluate: 0 }
      const result: StartResult = { outcome: 'internalError', phasesMs, message: 'The start was called off.' }
      return this.writer.json(FRAME.started, 0, id, result)
    }
    this.#instances.get(id)?.stop(reason)
  }

  /** A few at a time: a burst of starts that shared the cores evenly would all end late. */
  #launchNext(): void {
    if (this.#launching >= LAUNCHES_AT_ONCE) return
    const id = this.#waiting.shift()
    if (id === undefined) return
    this.#launching++
    void this.#launch(id).finally(() => {
      this.#launching--
      this.#launchNext()
    })
  }

  async #launch(id: number): Promise<void> {
    const pending = this.#starts.get(id)
    // Called off while it waited.
    if (!pending) return
    const { spec, bundle, ahead } = pending
    const began = performance.now()
    const isolate = await this.#options.pool.take(spec.limits.memoryMb)
    if (!this.#starts.delete(id) || this.#socket.destroyed) return isolate.dispose()
    const instance = new Instance(id, spec, isolate, this)
    this.#instances.set(id, instance)
    this.#collector.add(instance, isolate)
    for (const { id, head } of ahead) this.#addRequest(instance, id, head, false)
    const result = await instance.start(bundle, performance.now() - began)
    this.writer.json(FRAME.started, 0, id, result)
    instance.pump()
  }

  #pong(id: number): void {
    const now = performance.now()
    const instances: InstanceStats[] = []
    for (const instance of this.#instances.values()) {
      const changed = instances.length < STATS_MAX ? instance.stats(now) : null
      if (changed) instances.push(changed)
    }
    const stats: RuntimeStats = {
      ...this.#options.processStats(),
      prewarmed: this.#options.pool.ready,
      instances,
    }
    this.writer.json(FRAME.pong, 0, id, stats)
  }

  #onClose(): void {
    for (const instance of this.#instances.values()) instance.kill('shutdown', 'The scheduler has gone.', 0)
    this.#instances.clear()
    this.watchdog[Symbol.dispose]()
    this.#collector[Symbol.dispose]()
  }
}

/** A small piece of a large read buffer is copied, so that it does not keep the whole alive. */
function keepable(payload: Buffer): Buffer {
  return payload.length * 2 >= payload.buffer.byteLength ? payload : Buffer.from(payload)
}

function sameSecret(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}
