/** A real runtime process with a client connected to it, for tests of the runtime by itself. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type BundleModule, bundleHash, encodeBundle } from '../../src/bundle.ts'
import type { Outcome } from '../../src/outcome.ts'
import { RuntimeClient } from '../../src/runtime/client.ts'
import { runtimeFlags } from '../../src/runtime/flags.ts'
import type {
  InstanceEnd,
  InstanceLimits,
  InstanceSpec,
  LogLine,
  Notice,
  StartResult,
} from '../../src/runtime/messages.ts'
import { loadPrelude } from '../../src/runtime/prelude.ts'
import type { RuntimeEvents } from '../../src/runtime/runtime-events.ts'
import { writeSettings } from '../../src/runtime/settings.ts'
import type { Exchange, ExchangeLink } from '../../src/scheduler/exchange.ts'

export const LIMITS: InstanceLimits = {
  cpuMs: 200,
  startupCpuMs: 1000,
  memoryMb: 128,
  waitUntilMs: 2000,
  subrequests: 50,
  subrequestsAtOnce: 6,
  logLinesPerRequest: 256,
  logBytesPerRequest: 65_536,
  timersMax: 10_000,
  responseHeaderBytesMax: 65_536,
  webSocketMessageBytesMax: 2 ** 20,
}

/** What an app did that a runtime told of. */
export type Told = Notice | ({ type: 'log' } & LogLine)

export interface Answer {
  status: number
  headers: string[]
  body: Buffer
  /** null: it ended well. */
  failure: { outcome: Outcome; message: string } | null
  cpuMs: number
}

/** An exchange that collects its answer. */
export class TestExchange implements Exchange {
  readonly requestId = randomUUID()
  readonly traceId = ''
  readonly method: string
  readonly hasBody: boolean
  link: ExchangeLink | null = null
  credit = 262_144
  readonly bytesLent = 0
  readonly bytesHeld = 0
  onCreditMore: () => void = () => {}
  onData: (chunk: Buffer) => void = () => {}
  readonly #head: string
  readonly #done = Promise.withResolvers<Answer>()
  readonly #chunks: Buffer[] = []
  #status = 0
  #headers: string[] = []
  readonly headSeen = Promise.withResolvers<void>()

  constructor(url: string, { method = 'GET', headers = [] as string[], hasBody = false } = {}) {
    this.method = method
    this.hasBody = hasBody
    this.#head = `${method}\n${url}\n${headers.map(line => `${line}\n`).join('')}`
  }

  get answer(): Promise<Answer> {
    return this.#done.promise
  }

  head(): string {
    return this.#head
  }

  onHead(status: number, headers: string[], body: Buffer | string | null): void {
    this.#status = status
    this.#headers = headers
    if (body !== null)
      this.#chunks.push(typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body))
    this.headSeen.resolve()
  }

  onChunk(chunk: Buffer): void {
    // It is lent.
    this.#chunks.push(Buffer.from(chunk))
    this.link?.client.grant(this, chunk.length)
    this.onData(chunk)
  }

  onEnd(cpuMs: number): void {
    this.#settle(null, cpuMs)
  }

  onFail(outcome: Outcome, message: string): void {
    this.#settle({ outcome, message }, 0)
  }

  onCredit(bytes: number): void {
    this.credit += bytes
    this.onCreditMore()
  }

  #settle(failure: Answer['failure'], cpuMs: number): void {
    this.#done.resolve({
      status: this.#status,
      headers: this.#headers,
      body: Buffer.concat(this.#chunks),
      failure,
      cpuMs,
    })
  }
}

/** Parts of a spec that differ from the usual. */
export type SpecOverrides = Partial<Omit<InstanceSpec, 'limits'>> & { limits?: Partial<InstanceLimits> }

export interface TestRuntime extends AsyncDisposable {
  client: RuntimeClient
  notices: Told[]
  ended: InstanceEnd[]
  catastrophes: string[]
  /** Instances that were to end and had not yet. */
  stuck: number[]
  pid: number
  /** Of the last start. */
  readonly lastInstance: number
  start(source: string | BundleModule[], spec?: SpecOverrides): Promise<StartResult & { instance: number }>
  fetch(
    instance: number,
    url: string,
    options?: ConstructorParameters<typeof TestExchange>[1] & { body?: Buffer },
  ): Promise<Answer>
}

/** Starts a runtime process and connects to it. */
export async function startRuntime({
  egressAllow = ['127.0.0.0/8'],
  prewarm = 1,
} = {}): Promise<TestRuntime> {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-test-'))
  const path = join(directory, 'runtime.sock')
  const settings = {
    listen: { path },
    token: 'secret',
    prelude: await loadPrelude(),
    prewarm,
    memoryMb: 128,
    killGraceMs: 250,
    subrequestTimeoutMs: 10_000,
    egressAllow,
    traceContext: true,
    cache: null,
    tls: null,
  }
  const program = join(import.meta.dirname, '../../src/runtime/process.ts')
  const child = spawn(process.execPath, [...runtimeFlags(null), program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  writeSettings(child.stdin, settings)
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).once('line', () => resolve())
    child.once('exit', code => reject(new Error(`the runtime exited with ${code}`)))
  })
  const notices: Told[] = []
  const ended: InstanceEnd[] = []
  const catastrophes: string[] = []
  const stuck: number[] = []
  const fail = (exchanges: Exchange[], message: string) => {
    for (const exchange of exchanges) exchange.onFail('internalError', message)
  }
  const events: RuntimeEvents = {
    instanceStarted: () => {},
    instanceStuck: instance => stuck.push(instance),
    instanceEnded: (_instance, end, failed) => {
      ended.push(end)
      failed.guilty?.onFail(end.reason === 'exceededMemory' ? 'exceededMemory' : 'exceededCpu', end.message)
      fail(failed.entered, 'entered')
      fail(failed.untouched, 'untouched')
    },
    finished: () => {},
    log: (_instance, line) => notices.push({ type: 'log', ...line }),
    notice: (_instance, notice) => notices.push(notice),
    catastrophe: message => {
      catastrophes.push(message)
      child.kill('SIGKILL')
    },
    closed: failed => {
      for (const { entered, untouched } of failed) fail([...entered, ...untouched], 'closed')
    },
  }
  const client = await RuntimeClient.connect({ path }, { token: 'secret', events })
  let instances = 0
  return {
    client,
    notices,
    ended,
    catastrophes,
    stuck,
    pid: child.pid!,
    get lastInstance() {
      return instances
    },
    async start(source, overrides = {}) {
      const modules =
        typeof source === 'string'
          ? [{ name: 'index.js', type: 'esm' as const, content: Buffer.from(source) }]
          : source
      const bundle = encodeBundle(modules)
      const instance = ++instances
      const spec: InstanceSpec = {
        app: `app-${instance}`,
        version: 'v',
        main: modules[0]!.name,
        syntax: 'module',
        compatibilityFlags: [],
        vars: {},
        bundleHash: bundleHash(bundle),
        bundleBytes: bundle.length,
        ...overrides,
        limits: { ...LIMITS, ...overrides.limits },
      }
      return { ...(await client.start(instance, spec, bundle)), instance }
    },
    fetch(instance, url, { body, ...options } = {}) {
      const exchange = new TestExchange(url, { ...options, hasBody: body !== undefined })
      client.send(instance, exchange)
      if (body) sendBody(exchange, body)
      return exchange.answer
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      if (child.exitCode === null && child.signalCode === null) {
        const exited = new Promise(resolve => child.once('exit', resolve))
        child.stdin.destroy()
        await exited
      }
      await rm(directory, { recursive: true })
    },
  }
}

/** Sends a body as credit allows. */
export function sendBody(exchange: TestExchange, body: Buffer): void {
  let at = 0
  const send = () => {
    while (at < body.length && exchange.credit > 0 && exchange.link) {
      const piece = body.subarray(at, at + Math.min(exchange.credit, 65_536))
      exchange.credit -= piece.length
      at += piece.length
      exchange.link.client.sendBody(exchange, piece)
      if (at === body.length) exchange.link.client.endBody(exchange)
    }
  }
  exchange.onCreditMore = send
  send()
  if (body.length === 0) exchange.link?.client.endBody(exchange)
}
