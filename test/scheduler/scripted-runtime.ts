/**
 * A remote runtime whose behaviour the test decides, speaking the real protocol on a real socket: for the moments
 * that no real runtime can be brought to on purpose.
 */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { FrameReader } from '../../src/runtime/frame-reader.ts'
import { FrameWriter } from '../../src/runtime/frame-writer.ts'
import type { InstanceEnd, InstanceSpec, RuntimeStats, StartResult } from '../../src/runtime/messages.ts'
import { FRAME, HAS_BODY, PROTOCOL_VERSION } from '../../src/runtime/protocol.ts'
import { RESPONSE_FINISHED, RESPONSE_WHOLE } from '../../src/sandbox/wire.ts'

export interface ServedRequest {
  instance: number
  stream: number
  method: string
  url: string
}

const PHASES = { isolate: 1, compile: 2, evaluate: 3 }

export class ScriptedRuntime implements AsyncDisposable {
  readonly #server: Server
  readonly #requests: ServedRequest[] = []
  readonly #waiting: ((request: ServedRequest) => void)[] = []
  #socket: Socket | null = null
  #writer: FrameWriter | null = null
  /** Instances that were asked for, in order, and those that were stopped. */
  readonly started: { instance: number; spec: InstanceSpec }[] = []
  readonly stopped: number[] = []
  readonly aborted: number[] = []
  /** Bytes of bundles that have come so far. */
  bundleBytes = 0
  /** How starts end; a promise keeps them waiting. */
  onStart: (spec: InstanceSpec) => StartResult | Promise<StartResult> = () => ({
    outcome: 'ok',
    phasesMs: PHASES,
    handlers: ['fetch'],
  })
  /** Answers every request with this body, if set; otherwise requests wait for the test. */
  autoAnswer: string | null = null
  /** Requests that were sent ahead to instances whose start has not ended. */
  readonly #ahead = new Map<number, ServedRequest[]>()
  stats: Partial<RuntimeStats> = {}
  answersPings = true

  private constructor() {
    this.#server = createServer(socket => this.#onConnection(socket))
  }

  static async listen(): Promise<ScriptedRuntime> {
    const runtime = new ScriptedRuntime()
    runtime.#server.listen(0, '127.0.0.1')
    await once(runtime.#server, 'listening')
    return runtime
  }

  get address(): string {
    const address = this.#server.address()
    return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  }

  /** The next request that arrives, or has arrived already. */
  next(): Promise<ServedRequest> {
    const request = this.#requests.shift()
    if (request) return Promise.resolve(request)
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  /** Requests that instances which have not started are to get. */
  get waitingAhead(): ServedRequest[] {
    return [...this.#ahead.values()].flat()
  }

  respond({ stream }: ServedRequest, body: string, { finished = true } = {}): void {
    const frame = this.#writer!.frame(
      FRAME.response,
      RESPONSE_WHOLE | (finished ? RESPONSE_FINISHED : 0),
      stream,
      12 + body.length,
    )
    frame.fill(0, 0, 12)
    frame.writeUInt16LE(200, 0)
    frame.latin1Write(body, 12)
  }

  finish({ stream }: ServedRequest, outcome: number): void {
    const frame = this.#writer!.frame(FRAME.finished, 0, stream, 8)
    frame.fill(0)
    frame[0] = outcome
  }

  /** Ends an instance as a watchdog would. */
  endInstance(
    instance: number,
    end: Partial<InstanceEnd>,
    { guilty = 0, untouched = [] as number[] } = {},
  ): void {
    const whole = { reason: 'exceededCpu', message: '', cpuMs: 5, heapBytes: 1, ...end }
    this.#writer!.json(FRAME.ended, 0, instance, { end: whole, guilty, untouched })
  }

  /** Says that an instance is to end and does not. */
  stick(instance: number): void {
    this.#writer!.frame(FRAME.stuck, 0, instance, 0)
  }

  /** As if the process had died. */
  die(): void {
    this.#socket?.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.die()
    await closed
  }

  #onConnection(socket: Socket): void {
    this.#socket = socket
    this.#writer = new FrameWriter(socket, { isBusy: () => false })
    const reader = new FrameReader((type, flags, id, payload) => this.#onFrame({ type, flags, id, payload }))
    socket.on('data', (bytes: Buffer) => reader.push(bytes))
    socket.on('error', () => {})
  }

  #onFrame({ type, id, payload }: { type: number; flags: number; id: number; payload: Buffer }): void {
    const writer = this.#writer!
    switch (type) {
      case FRAME.hello:
        return writer.json(FRAME.hello, 0, 0, { protocol: PROTOCOL_VERSION, pid: 1 })
      case FRAME.start:
        return void this.#start(id, JSON.parse(payload.toString()) as InstanceSpec)
      case FRAME.bundle:
        this.bundleBytes += payload.length
        return
      case FRAME.stop:
        this.stopped.push(id)
        return this.endInstance(id, { reason: 'idle' })
      case FRAME.abort:
        this.aborted.push(id)
        return
      case FRAME.ping: {
        if (!this.answersPings) return
        const stats = { rssBytes: 1e6, prewarmed: 0, eventLoopLagMs: 0, instances: [], ...this.stats }
        return writer.json(FRAME.pong, 0, id, stats)
      }
      case FRAME.requests:
        return this.#onRequests(id, payload)
    }
  }

  async #start(instance: number, spec: InstanceSpec): Promise<void> {
    this.started.push({ instance, spec })
    const ahead: ServedRequest[] = []
    this.#ahead.set(instance, ahead)
    const result = await this.onStart(spec)
    this.#writer!.json(FRAME.started, 0, instance, result)
    this.#ahead.delete(instance)
    if (result.outcome === 'ok') for (const request of ahead) this.#serve(request)
  }

  #onRequests(instance: number, payload: Buffer): void {
    const count = payload.readUInt16LE(0)
    const heads = payload.toString('latin1', 2 + 4 * count).split('\0')
    for (let i = 0; i < count; i++) {
      const stream = (payload.readUInt32LE(2 + 4 * i) & ~HAS_BODY) >>> 0
      const [method = '', url = ''] = heads[i]!.split('\n')
      const request = { instance, stream, method, url }
      const ahead = this.#ahead.get(instance)
      if (ahead) ahead.push(request)
      else this.#serve(request)
    }
  }

  #serve(request: ServedRequest): void {
    if (this.autoAnswer !== null) this.respond(request, this.autoAnswer)
    else if (this.#waiting.length > 0) this.#waiting.shift()!(request)
    else this.#requests.push(request)
  }
}
