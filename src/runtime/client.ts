/**
 * The scheduler's end of the connection to one runtime process.
 *
 * Everything a runtime sends is validated: a frame that breaks the rules closes the connection, a frame for a
 * stream that has ended is dropped.
 */
import assert from 'node:assert/strict'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { executablePart, STEP_BYTES } from '../bundle.ts'
import { TERMINATIONS, type Termination } from '../outcome.ts'
import type { Exchange } from '../scheduler/exchange.ts'
import { endedStart, lostStart, tooLong } from './failed-starts.ts'
import { FrameReader } from './frame-reader.ts'
import { FrameWriter, type Room } from './frame-writer.ts'
import { HeadBatches } from './head-batches.ts'
import type { InstanceSpec, RuntimeStats, StartResult } from './messages.ts'
import { FRAME, PAYLOAD_BYTES_MAX, PROTOCOL_VERSION, ProtocolError } from './protocol.ts'
import { ReadSlabs } from './read-slabs.ts'
import { readEnded, readJson, readLogLine, readNotice, readStartResult, readStats } from './readers.ts'
import { Responses } from './responses.ts'
import type { FailedExchanges, RuntimeEvents } from './runtime-events.ts'
import { type Stream, StreamTable } from './stream-table.ts'

export interface ConnectOptions {
  token: string
  events: RuntimeEvents
  signal?: AbortSignal
}

export type { FailedExchanges, RuntimeEvents }

/** Up to this many requests under way, each is sent at once rather than at the end of the turn. */
const QUIET_MAX = 4

export class RuntimeClient implements AsyncDisposable {
  readonly #socket: Socket
  readonly #events: RuntimeEvents
  readonly #writer: FrameWriter
  readonly #heads: HeadBatches
  readonly #streams = new StreamTable()
  readonly #slabs = new ReadSlabs()
  readonly #starts = new Map<number, (result: StartResult) => void>()
  readonly #pings = new Map<
    number,
    { resolve: (stats: RuntimeStats) => void; reject: (error: Error) => void }
  >()
  readonly #responses = new Responses({
    streams: this.#streams,
    slabs: this.#slabs,
    onFinished: (stream, end) => {
      this.#streams.release(stream)
      this.#events.finished(stream.instance, stream.exchange, end)
    },
  })
  #pingId = 0
  #pid = 0
  #closed = false
  #greeted: { resolve: () => void; reject: (error: Error) => void } | null = null

  private constructor(address: { path: string } | { host: string; port: number }, options: ConnectOptions) {
    this.#events = options.events
    const reader = new FrameReader(this.#onFrame)
    this.#socket = connect({
      ...address,
      noDelay: true,
      onread: {
        buffer: this.#slabs.next,
        callback: (count: number, buffer: Uint8Array) => {
          try {
            reader.push((buffer as Buffer).subarray(0, count))
          } catch (error) {
            if (!(error instanceof ProtocolError)) throw error
            this.#socket.destroy(error)
          }
          return true
        },
      },
    } as NetConnectOpts)
    this.#writer = new FrameWriter(this.#socket, {
      isBusy: () => this.#streams.size > QUIET_MAX,
      beforeFlush: () => this.#heads.flush(),
    })
    this.#heads = new HeadBatches(this.#writer)
    let reason = 'connection closed'
    this.#socket.on('error', error => {
      reason = error.message
    })
    this.#socket.on('close', () => this.#onClose(reason))
  }

  /** Connects and greets. Rejects if nobody listens, the token is wrong or the protocol's version differs. */
  static async connect(
    address: { path: string } | { host: string; port: number },
    options: ConnectOptions,
  ): Promise<RuntimeClient> {
    const client = new RuntimeClient(address, options)
    const abort = () => client.#socket.destroy(new Error('connecting was aborted'))
    options.signal?.addEventListener('abort', abort, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        client.#greeted = { resolve, reject }
        client.#socket.once('connect', () => {
          client.#writer.json(FRAME.hello, 0, 0, { protocol: PROTOCOL_VERSION, token: options.token })
        })
      })
    } finally {
      options.signal?.removeEventListener('abort', abort)
    }
    return client
  }

  /** Of the runtime process. */
  get pid(): number {
    return this.#pid
  }

  /** Requests that the runtime holds, waitUntil work included. */
  get inFlight(): number {
    return this.#streams.size
  }

  /** Starts an instance under an id that no other of this client has. Never rejects. */
  start(instance: number, spec: InstanceSpec, bundle: Buffer): Promise<StartResult> {
    if (this.#closed) return Promise.resolve(lostStart())
    return new Promise(resolve => {
      const code = executablePart(bundle)
      const sent = { ...spec, bundleBytes: code.length }
      const text = JSON.stringify(sent)
      if (Buffer.byteLength(text) > PAYLOAD_BYTES_MAX) return resolve(tooLong(spec.app))
      this.#starts.set(instance, resolve)
      this.#writer.json(FRAME.start, 0, instance, sent)
      void this.#sendBundle(instance, code)
    })
  }

  /** In steps between which others' frames go: a long bundle takes the connection tens of milliseconds. */
  async #sendBundle(instance: number, bundle: Buffer): Promise<void> {
    for (let from = 0; from < bundle.length; from += STEP_BYTES) {
      if (from > 0) await nextTurn()
      if (this.room.isFull) await new Promise<void>(resolve => this.room.whenRoom(resolve))
      // It may have been called off, or have failed.
      if (!this.#starts.has(instance)) return
      this.#writer.bytes(FRAME.bundle, instance, bundle.subarray(from, from + STEP_BYTES))
    }
  }

  /** Takes back the requests that were sent to an instance which did not start: those that are still to be answered. */
  withdraw(instance: number): Exchange[] {
    this.#heads.drop(instance)
    return this.#streams.releaseAll(instance).map(stream => stream.exchange)
  }

  /** Ends an instance now; `instanceEnded` follows. */
  stop(instance: number, reason: Termination): void {
    if (this.#closed) return
    this.#heads.flush()
    this.#writer.frame(FRAME.stop, TERMINATIONS.indexOf(reason), instance, 0)
  }

  /** Has an instance that gets no more requests close its WebSockets with this code. */
  drain(instance: number, code: number): void {
    if (this.#closed) return
    this.#heads.flush()
    this.#writer.frame(FRAME.drain, 0, instance, 2).writeUInt16LE(code, 0)
  }

  /** Sends a request to an instance. Its body, if it has one, follows by `sendBody` and `endBody`. */
  send(instance: number, exchange: Exchange): void {
    assert(!this.#closed, 'a request for a runtime that has gone')
    const { stream } = this.#streams.open(this, exchange, instance)
    this.#heads.add(instance, stream, { head: exchange.head(), hasBody: exchange.hasBody })
  }

  /** What whoever has much to send is to mind. */
  get room(): Room {
    return this.#writer
  }

  /** Sends request body bytes, of which the exchange must have credit. */
  sendBody(exchange: Exchange, chunk: Buffer): void {
    if (!exchange.link) return
    this.#heads.flush()
    this.#writer.bytes(FRAME.chunk, exchange.link.stream, chunk)
  }

  endBody(exchange: Exchange): void {
    if (!exchange.link) return
    this.#heads.flush()
    this.#writer.frame(FRAME.end, 0, exchange.link.stream, 0)
  }

  /** Gives the request up: the app sees an abort, the exchange hears nothing more. */
  abort(exchange: Exchange): void {
    if (!exchange.link) return
    this.#heads.flush()
    this.#writer.frame(FRAME.abort, 0, exchange.link.stream, 0)
    ;(exchange.link as Stream).settle()
  }

  /** Gives the request up as if it had never been sent; the exchange may be sent again. */
  recall(exchange: Exchange): void {
    const { link } = exchange
    this.abort(exchange)
    if (link) this.#streams.release(link as Stream)
  }

  /** `bytes` of the response have gone to the HTTP client: the app may send as many more. */
  grant(exchange: Exchange, bytes: number): void {
    if (exchange.link) this.#writer.credit(exchange.link.stream, bytes)
  }

  /** A heartbeat. Rejects when the connection closes. */
  ping(): Promise<RuntimeStats> {
    if (this.#closed) return Promise.reject(new Error('connection closed'))
    return new Promise((resolve, reject) => {
      const id = ++this.#pingId
      this.#pings.set(id, { resolve, reject })
      this.#writer.frame(FRAME.ping, 0, id, 0)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    const closed = new Promise<void>(resolve => this.#socket.once('close', () => resolve()))
    this.close()
    await closed
  }

  readonly #onFrame = (type: number, flags: number, id: number, payload: Buffer): void => {
    switch (type) {
      case FRAME.response:
        return this.#responses.onResponse(flags, id, payload)
      case FRAME.chunk:
        return this.#responses.onChunk(id, payload)
      case FRAME.end:
        return this.#responses.onEnd(id, payload)
      case FRAME.failed:
      case FRAME.finished:
        return this.#responses.onFinished(id, payload, type === FRAME.finished)
      case FRAME.credit:
        return this.#responses.onCredit(id, payload)
      case FRAME.started: {
        // Read first: what is malformed closes the connection, which answers all that is still awaited.
        const result = readStartResult(payload)
        const settle = this.#starts.get(id)
        this.#starts.delete(id)
        // At once: what it does to requests that were sent ahead comes next.
        if (result.outcome === 'ok') this.#events.instanceStarted(id)
        return settle?.(result)
      }
      case FRAME.ended:
        return this.#onEnded(id, payload)
      case FRAME.log: {
        const { stream, line } = readLogLine(payload)
        return this.#events.log(id, line, this.#streams.get(stream)?.exchange ?? null)
      }
      case FRAME.notice:
        return this.#events.notice(id, readNotice(payload))
      case FRAME.pong: {
        const stats = readStats(payload)
        const ping = this.#pings.get(id)
        this.#pings.delete(id)
        return ping?.resolve(stats)
      }
      case FRAME.stuck:
        return this.#events.instanceStuck(id)
      case FRAME.catastrophe:
        return this.#onCatastrophe(id, payload)
      case FRAME.hello:
        return this.#onHello(payload)
      default:
        throw new ProtocolError(`frame of unknown type ${type}`)
    }
  }

  #onEnded(instance: number, payload: Buffer): void {
    const { end, guilty, untouched } = readEnded(payload)
    const unsent = this.#heads.drop(instance)
    const untouchedIds = new Set(untouched)
    const isUntouched = (stream: Stream) =>
      !stream.headSeen && (unsent.has(stream.stream) || untouchedIds.has(stream.stream))
    const failed = { guilty: null as Exchange | null, entered: [] as Exchange[], untouched: [] as Exchange[] }
    for (const stream of this.#streams.releaseAll(instance)) {
      if (stream.stream === guilty) failed.guilty = stream.exchange
      else (isUntouched(stream) ? failed.untouched : failed.entered).push(stream.exchange)
    }
    this.#starts.get(instance)?.(endedStart(end))
    this.#starts.delete(instance)
    this.#events.instanceEnded(instance, end, failed)
  }

  #onCatastrophe(instance: number, payload: Buffer): void {
    const { end } = readEnded(payload)
    // Who is to blame is known before the requests that were lost go elsewhere.
    this.#events.catastrophe(end.message, instance)
    this.#onEnded(instance, payload)
  }

  #onHello(payload: Buffer): void {
    const hello = readJson(payload) as { protocol?: unknown; pid?: unknown }
    if (hello.protocol !== PROTOCOL_VERSION) {
      const spoken = typeof hello.protocol === 'number' ? hello.protocol : 'none'
      throw new ProtocolError(`the runtime speaks protocol ${spoken}, not ${PROTOCOL_VERSION}`)
    }
    this.#pid = typeof hello.pid === 'number' ? hello.pid : 0
    this.#greeted?.resolve()
    this.#greeted = null
  }

  #onClose(reason: string): void {
    this.#closed = true
    this.#greeted?.reject(new Error(`no runtime there: ${reason}`))
    for (const settle of this.#starts.values()) settle(lostStart())
    this.#starts.clear()
    for (const { reject } of this.#pings.values()) reject(new Error(reason))
    this.#pings.clear()
    const byInstance = new Map<number, FailedExchanges & { instance: number }>()
    const unsent = this.#heads.drop()
    for (const stream of this.#streams.releaseAll()) {
      const { instance } = stream
      const failed = byInstance.get(instance) ?? { instance, entered: [], untouched: [] }
      byInstance.set(instance, failed)
      ;(unsent.has(stream.stream) ? failed.untouched : failed.entered).push(stream.exchange)
    }
    this.#events.closed([...byInstance.values()], reason)
  }
}
