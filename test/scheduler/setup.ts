/** A scheduler over state and runtimes that the test plays, and exchanges to dispatch to it. */
import type { AppConfig } from '../../src/app-config.ts'
import { bundleHash } from '../../src/bundle.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import type { Outcome } from '../../src/outcome.ts'
import { Dispatch, type DispatchedExchange } from '../../src/scheduler/dispatch.ts'
import type { ExchangeLink } from '../../src/scheduler/exchange.ts'
import { Scheduler } from '../../src/scheduler/scheduler.ts'
import { Supervisor } from '../../src/scheduler/supervisor.ts'
import type { AppRecord, Store } from '../../src/store/store.ts'
import { ScriptedRuntime } from './scripted-runtime.ts'

export interface Answer {
  outcome: Outcome
  message: string
  body: string
}

export class TestExchange implements DispatchedExchange {
  readonly requestId = crypto.randomUUID()
  readonly traceId = ''
  readonly method: string
  readonly hasBody: boolean
  readonly host: string
  readonly path: string
  readonly bodyIntact: boolean
  readonly dispatch: Dispatch
  readonly answer: Promise<Answer>
  responded = false
  readonly bytesLent = 0
  readonly bytesHeld = 0
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
  supervisor: Supervisor
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
  const supervisor = new Supervisor({ config, onLine: () => {}, onStartFailed: () => {} })
  const scheduler = new Scheduler({ config, store, supervisor, ...(now && { now }) })
  await scheduler.start()
  while (scheduler.stats().runtimes.some(runtime => !runtime.up)) await new Promise(setImmediate)
  return {
    scheduler,
    supervisor,
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

/** Far more than anything here takes, on the slowest machine. */
const UNTIL_MS = 60_000

/** Waits, a turn of the event loop at a time, until something has come about; rejects if it does not. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + UNTIL_MS
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`This did not come about: ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 1))
  }
}

/** Collects what a channel tells during a test. */
export function collect<T>(
  t: { after(fn: () => void): void },
  channel: { subscribe(fn: (m: T) => void): void; unsubscribe(fn: (m: T) => void): void },
): T[] {
  const events: T[] = []
  const listener = (event: T) => void events.push(event)
  channel.subscribe(listener)
  t.after(() => channel.unsubscribe(listener))
  return events
}
