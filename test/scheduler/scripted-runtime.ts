/**
 * A remote runtime whose behaviour the test decides, speaking the real protocol on a real socket: for the moments
 * that no real runtime can be brought to on purpose. And the exchanges to dispatch to it.
 */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { AppConfig } from '../../src/app-config.ts'
import { bundleHash } from '../../src/bundle.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import type { Outcome } from '../../src/outcome.ts'
import type { InstanceEnd, InstanceSpec, RuntimeStats, StartResult } from '../../src/runtime/messages.ts'
import { FRAME, FrameReader, FrameWriter, HAS_BODY, PROTOCOL_VERSION } from '../../src/runtime/protocol.ts'
import { RESPONSE_FINISHED, RESPONSE_WHOLE } from '../../src/sandbox/wire.ts'
import { Dispatch, type DispatchedExchange } from '../../src/scheduler/dispatch.ts'
import type { ExchangeLink } from '../../src/scheduler/exchange.ts'
import { Scheduler } from '../../src/scheduler/scheduler.ts'
import { Supervisor } from '../../src/scheduler/supervisor.ts'
import type { AppRecord, Store } from '../../src/store/store.ts'

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
  /** How starts end; a promise keeps them waiting. */
  onStart: (spec: InstanceSpec) => StartResult | Promise<StartResult> = () => ({
    outcome: 'ok',
    phasesMs: PHASES,
    handlers: ['fetch'],
  })
  /** Answers every request with this body, if set; otherwise requests wait for the test. */
  autoAnswer: string | null = null
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
    this.#writer!.json(FRAME.started, 0, instance, await this.onStart(spec))
  }

  #onRequests(instance: number, payload: Buffer): void {
    const count = payload.readUInt16LE(0)
    const heads = payload.toString('latin1', 2 + 4 * count).split('\0')
    for (let i = 0; i < count; i++) {
      const stream = (payload.readUInt32LE(2 + 4 * i) & ~HAS_BODY) >>> 0
      const [method = '', url = ''] = heads[i]!.split('\n')
      const request = { instance, stream, method, url }
      if (this.autoAnswer !== null) this.respond(request, this.autoAnswer)
      else if (this.#waiting.length > 0) this.#waiting.shift()!(request)
      else this.#requests.push(request)
    }
  }
}

export interface Answer {
  outcome: Outcome
  message: string
  body: string
}

export class TestExchange implements DispatchedExchange {
  readonly requestId = crypto.randomUUID()
  readonly method: string
  readonly hasBody: boolean
  readonly host: string
  readonly path: string
  readonly bodyIntact: boolean
  readonly dispatch: Dispatch
  readonly answer: Promise<Answer>
  responded = false
  link: ExchangeLink | null = null
  #resolve: (answer: Answer) => void = () => {}
  #body = ''

  constructor(app: string, { method = 'GET', path = '/', hasBody = false, bodyIntact = true } = {}) {
    this.host = app.includes('.') ? app : `${app}.localhost`
    this.path = path
    this.method = method
    this.hasBody = hasBody
    this.bodyIntact = bodyIntact
    this.dispatch = new Dispatch(this)
    this.answer = new Promise(resolve => {
      this.#resolve = resolve
    })
  }

  head(): string {
    return `${this.method}\nhttp://${this.host}${this.path}\n`
  }

  onSent(): void {}

  onHead(_status: number, _headers: string[], body: Buffer | string | null): void {
    this.responded = true
    if (body !== null) this.#body += body.toString('latin1')
  }

  onChunk(chunk: Buffer): void {
    this.#body += chunk.toString('latin1')
  }

  onEnd(): void {
    this.#resolve({ outcome: 'ok', message: '', body: this.#body })
  }

  onFail(outcome: Outcome, message: string): void {
    this.responded = true
    this.#resolve({ outcome, message, body: this.#body })
  }

  onCredit(): void {}
}

export const APP_CONFIG: AppConfig = {
  main: 'main.js',
  syntax: 'module',
  compatibilityFlags: [],
  vars: {},
  limits: {},
}

/** State that the test changes at will. */
export class TestStore implements Pick<Store, 'generation' | 'app' | 'bundle' | 'routesFor'> {
  readonly #apps = new Map<string, AppRecord>()
  readonly #bundles = new Map<string, Buffer>()
  #generation = 1
  down = false

  deploy(name: string, content: string | Buffer = name, config = APP_CONFIG): Buffer {
    const bundle = Buffer.from(content)
    const hash = bundleHash(bundle)
    this.#bundles.set(hash, bundle)
    const number = (this.#apps.get(name)?.version.number ?? 0) + 1
    const version = { app: name, id: `${name}-v${number}`, number, config, bundleHash: hash }
    const record = { ...version, bundleBytes: bundle.length, createdAt: 0, active: true }
    this.#apps.set(name, { name, createdAt: 0, version: record })
    this.#generation++
    return bundle
  }

  delete(name: string): void {
    this.#apps.delete(name)
    this.#generation++
  }

  async generation(): Promise<number> {
    this.#check()
    return this.#generation
  }

  async app(name: string): Promise<AppRecord | null> {
    this.#check()
    return this.#apps.get(name) ?? null
  }

  async bundle(hash: string): Promise<Buffer | null> {
    this.#check()
    return this.#bundles.get(hash) ?? null
  }

  async routesFor(): Promise<[]> {
    this.#check()
    return []
  }

  #check(): void {
    if (this.down) throw new Error('the store is down')
  }
}

export interface Setup extends AsyncDisposable {
  scheduler: Scheduler
  store: TestStore
  runtimes: ScriptedRuntime[]
  /** The first. */
  runtime: ScriptedRuntime
  ask(app: string, options?: ConstructorParameters<typeof TestExchange>[1]): TestExchange
}

/** A scheduler with remote runtimes that the test plays. `settings` are flags of the configuration. */
export async function setUp(
  settings: Partial<Record<keyof Config, string>> = {},
  { count = 1, now }: { count?: number; now?: () => number } = {},
): Promise<Setup> {
  const runtimes = await Promise.all(Array.from({ length: count }, () => ScriptedRuntime.listen()))
  const addresses = runtimes.map(runtime => runtime.address).join(',')
  const flags = { runtimes: addresses, generationPollMs: '60000', heartbeatMs: '50', ...settings }
  const config = loadConfig({ flags, file: '/nonexistent.json' })
  const store = new TestStore()
  const supervisor = new Supervisor({ config, log: () => {} })
  const scheduler = new Scheduler({ config, store, supervisor, ...(now && { now }) })
  await scheduler.start()
  while (scheduler.stats().runtimes.some(runtime => !runtime.up)) await new Promise(setImmediate)
  return {
    scheduler,
    store,
    runtimes,
    runtime: runtimes[0]!,
    ask(app, options) {
      const exchange = new TestExchange(app, options)
      scheduler.dispatch(exchange)
      return exchange
    },
    async [Symbol.asyncDispose]() {
      await scheduler[Symbol.asyncDispose]()
      await Promise.all(runtimes.map(runtime => runtime[Symbol.asyncDispose]()))
    },
  }
}

/** Waits, a turn of the event loop at a time, until something has come about. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 1))
}
