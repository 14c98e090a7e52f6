/**
 * Brings each request to an instance of the app that its host and path name.
 *
 * While route, app and instance are in memory that takes no wait and no promise; otherwise the store is read once
 * for all who ask, and one instance is started for all who wait. Every request dispatched is answered or failed
 * exactly once, whatever happens to instances, runtimes and store, and waits no longer than its deadlines.
 */
import type { AppConfig } from '../app-config.ts'
import { type ColdStartReason, limitChannel, type RestartReason } from '../channels.ts'
import type { Config } from '../config.ts'
import type { StartResult } from '../runtime/messages.ts'
import type { StackMapper } from '../stack-mapper.ts'
import type { AppRecord, Store } from '../store/store.ts'
import { Slots } from '../turns.ts'
import { refuse } from './admission.ts'
import type { AppCache, AppState } from './app-cache.ts'
import { AppStacks } from './app-stacks.ts'
import type { Verdict } from './blame.ts'
import { BundleCache } from './bundle-cache.ts'
import { Conduct } from './conduct.ts'
import { enforceDeadlines } from './deadlines.ts'
import { DenseSet } from './dense-set.ts'
import type { Dispatch, DispatchedExchange, Dispatcher } from './dispatch.ts'
import type { Failure } from './failure.ts'
import { InstancePool } from './instance-pool.ts'
import { instanceLimits } from './instance-spec.ts'
import { appLogs } from './log-queue.ts'
import type { PoolHost } from './pool-host.ts'
import { Registry, type RegistryConfig, type StartedTrial } from './registry.ts'
import type { RouteCache } from './route-cache.ts'
import type { Runtime } from './runtime.ts'
import { InstanceStarter, type StarterHost } from './starter.ts'
import { collectStats, type SchedulerStats } from './stats.ts'
import type { RuntimeUser, Supervisor } from './supervisor.ts'

export interface SchedulerOptions {
  config: SchedulerConfig
  store: Pick<Store, 'generation' | 'app' | 'bundle' | 'routesFor'>
  /** Started and disposed of by the scheduler. */
  supervisor: Supervisor
  /** Shows exceptions in terms of their sources. Default: they are told as they are. */
  stacks?: StackMapper
  /** Milliseconds that only rise. @default performance.now */
  now?: () => number
}

export type SchedulerConfig = RegistryConfig &
  Pick<
    Config,
    | 'wallMs'
    | 'queueMax'
    | 'platformQueueMax'
    | 'queueMs'
    | 'idleMs'
    | 'instancesMax'
    | 'heartbeatMs'
    | 'startsAtOnce'
    | 'bundleCacheMb'
    | 'quarantineMs'
    | 'backgroundBundleMb'
  >

const STORE_FAILED = { outcome: 'internalError', rejection: 'store_unavailable' } as const

/** How exactly deadlines are kept. */
const SWEEP_MS = 100

export class Scheduler implements Dispatcher, PoolHost, StarterHost, RuntimeUser, AsyncDisposable {
  readonly config: SchedulerConfig
  readonly now: () => number
  readonly #supervisor: Supervisor
  readonly #registry: Registry
  readonly #routes: RouteCache
  readonly #apps: AppCache
  readonly #bundles: BundleCache
  readonly #stacks: AppStacks | null
  readonly #starts: Slots
  readonly #conduct: Conduct
  readonly #exchanges = new DenseSet<Dispatch>()
  /** Pools that are no app's current one and still hold something. */
  readonly #retiring = new Set<InstancePool>()
  readonly #timers: NodeJS.Timeout[] = []
  #activePools = 0
  #stopping = false
  #onDrained: (() => void) | null = null

  constructor({ config, store, supervisor, stacks, now = () => performance.now() }: SchedulerOptions) {
    this.config = config
    this.now = now
    this.#supervisor = supervisor
    this.#registry = new Registry({
      config,
      store,
      create: (record, options) => this.#create(record, options),
      place: (app, bundleBytes) => this.place(app, bundleBytes),
      onNewVersion: app => this.#conduct.pardon(app),
    })
    this.#routes = this.#registry.routes
    this.#apps = this.#registry.apps
    this.#bundles = new BundleCache(store, config.bundleCacheMb * 2 ** 20)
    this.#stacks = stacks ? new AppStacks({ stacks, bundle: this.bundle.bind(this), now }) : null
    this.#starts = new Slots(config.startsAtOnce)
    this.#conduct = new Conduct({
      now,
      max: config.appsMax,
      goodConductMs: config.quarantineMs,
      backgroundBundleBytes: config.backgroundBundleMb * 2 ** 20,
      supervisor,
      pool: app => this.#apps.peek(app)?.pool,
    })
  }

  /** Resolves when requests can be served. Rejects if no runtime starts or the store does not answer. */
  async start(): Promise<void> {
    await this.#registry.start()
    await this.#supervisor.start(this)
    this.#timers.push(setInterval(() => enforceDeadlines(this, this.#exchanges), SWEEP_MS))
    this.#timers.push(setInterval(() => this.#beat(), this.config.heartbeatMs))
  }

  dispatch(exchange: DispatchedExchange): void {
    exchange.dispatch.inputAt = this.now()
    this.#exchanges.add(exchange.dispatch)
    if (this.#stopping) return this.fail(exchange, { outcome: 'loadShed', rejection: 'stopping' })
    this.reroute(exchange)
  }

  cancel(exchange: DispatchedExchange): void {
    const { dispatch } = exchange
    dispatch.cancelled = true
    if (dispatch.state === 'sent') exchange.link?.client.abort(exchange)
    else if (dispatch.state === 'looking' || dispatch.state === 'queued') this.#leave(exchange)
  }

  /** Starts an instance of a version that is not deployed yet, without traffic, to learn whether it starts. */
  verify(app: string, config: AppConfig, bundle: Buffer): Promise<StartResult> {
    this.#conduct.tried(app)
    return this.#registry.verify(app, config, bundle)
  }

  /** The app was deployed, rolled back or deleted, or its routes changed. The next request sees the store. */
  changed(app: string, reason: 'redeployed' | 'deleted' | 'routes'): void {
    this.#registry.changed(app, reason)
    if (reason === 'deleted') this.#bundles.forget(app)
  }

  stats(): SchedulerStats {
    let queued = 0
    for (const { pool } of this.#apps.values()) queued += pool.queued
    return collectStats({
      apps: this.#apps,
      routes: this.#routes,
      runtimes: this.#supervisor.runtimes,
      spareRuntimes: this.#supervisor.spares,
      bundleCacheBytes: this.#bundles.bytes,
      inFlight: this.#exchanges.size - queued,
      queued,
      quarantine: this.#conduct.quarantined(),
      inBackground: this.#conduct.inBackground,
      generation: this.#registry.generation,
      generationAppliedAt: this.#registry.generationAppliedAt,
    })
  }

  /** Which app answers; `host` in lower case without port. Rejects if the store does not answer. */
  async lookup(host: string, path: string): Promise<{ app: string; pattern: string } | null> {
    return await this.#routes.find(host, path)
  }

  /** Resolves when nothing is in flight, waitUntil work included, or after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    if (this.#exchanges.size === 0) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, graceMs)
      this.#onDrained = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Ends every instance and runtime; what is still in flight fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    for (const timer of this.#timers) clearInterval(timer)
    this.#registry.stop()
    for (const app of this.#apps.values()) app.pool.retire('shutdown')
    await this.#supervisor[Symbol.asyncDispose]()
    this.#exchanges.sweep(({ exchange }) =>
      this.fail(exchange, { outcome: 'internalError', rejection: 'stopping' }),
    )
    await this.#stacks?.settled()
    appLogs.flush()
  }

  reroute(exchange: DispatchedExchange): void {
    const route = this.#routes.peek(exchange.host, exchange.path)
    if (route === undefined) void this.#lookUp(exchange)
    else if (route === null) this.fail(exchange, { outcome: 'scriptNotFound' })
    else this.#toApp(exchange, route.app)
  }

  release(exchange: DispatchedExchange): void {
    exchange.dispatch.state = 'over'
    this.#exchanges.delete(exchange.dispatch)
    if (this.#exchanges.size === 0) this.#onDrained?.()
  }

  fail(
    exchange: DispatchedExchange,
    { outcome, message = '', rejection, retryAfterMs, cpuMs }: Failure,
  ): void {
    const { dispatch } = exchange
    this.release(exchange)
    if (rejection) dispatch.rejection = rejection
    if (outcome === 'loadShed' || rejection === 'store_unavailable')
      dispatch.retryAfterSeconds = Math.max(1, Math.ceil((retryAfterMs ?? 0) / 1000))
    exchange.onFail(outcome, message, cpuMs)
  }

  place(app: string, bundleBytes: number): Runtime | null {
    return this.#conduct.place(app, bundleBytes)
  }

  startSlot(): Promise<Disposable> {
    return this.#starts.take()
  }

  pausedMs(app: string): number {
    return this.#conduct.pausedMs(app)
  }

  bundle(app: string, hash: string): Promise<Buffer | null> {
    return this.#bundles.get(app, hash)
  }

  shownStack(app: string, bundleHash: string, stack: string): Promise<string> | null {
    return this.#stacks?.shown(app, bundleHash, stack) ?? null
  }

  onActive(active: boolean): void {
    this.#activePools += active ? 1 : -1
  }

  onRetired(pool: InstancePool): void {
    this.#retiring.add(pool)
  }

  onEmpty(pool: InstancePool): void {
    this.#retiring.delete(pool)
  }

  runtimeUp(): void {
    for (const { pool } of this.#apps.values()) pool.kick()
    for (const pool of this.#retiring) pool.kick()
  }

  vacate(runtime: Runtime): void {
    this.#conduct.vacate(runtime)
  }

  overreached(app: string): void {
    this.#conduct.overreached(app)
  }

  judged(verdict: Verdict, reason: RestartReason): void {
    this.#conduct.judged(verdict, reason)
  }

  /** Lets an app out of quarantine; false if it is in none. */
  releaseApp(app: string): boolean {
    return this.#conduct.release(app)
  }

  #toApp(exchange: DispatchedExchange, name: string): void {
    const app = this.#apps.get(name)
    if (app) this.#admit(exchange, app)
    else void this.#load(exchange, name)
  }

  #admit(exchange: DispatchedExchange, { name, version, pool }: AppState): void {
    const { queueMax, platformQueueMax } = this.config
    const refusal = refuse({
      app: pool.inFlight + pool.queued,
      appMax: queueMax,
      platform: this.#exchanges.size - 1,
      platformMax: platformQueueMax,
      apps: this.#activePools,
    })
    if (refusal === null) return pool.dispatch(exchange)
    limitChannel.publish({ app: name, limit: 'queue' })
    exchange.dispatch.app = name
    exchange.dispatch.version = version.id
    this.fail(exchange, { outcome: 'loadShed', rejection: refusal })
  }

  async #lookUp(exchange: DispatchedExchange): Promise<void> {
    if (!this.#mayLook(exchange)) return
    const route = await this.#routes.find(exchange.host, exchange.path).catch(() => 'unavailable' as const)
    if (exchange.dispatch.state !== 'looking') return
    if (route === 'unavailable') this.fail(exchange, STORE_FAILED)
    else if (route) this.#toApp(exchange, route.app)
    else this.fail(exchange, { outcome: 'scriptNotFound' })
  }

  async #load(exchange: DispatchedExchange, name: string): Promise<void> {
    if (!this.#mayLook(exchange)) return
    const app = await this.#apps.load(name).catch(() => 'unavailable' as const)
    if (exchange.dispatch.state !== 'looking') return
    if (app === 'unavailable') this.fail(exchange, STORE_FAILED)
    else if (app) this.#admit(exchange, app)
    else this.fail(exchange, { outcome: 'scriptNotFound' })
  }

  /** Requests that wait for the store are bounded too, whatever host they ask for. */
  #mayLook(exchange: DispatchedExchange): boolean {
    const { dispatch } = exchange
    if (this.#exchanges.size > 2 * this.config.platformQueueMax) {
      this.fail(exchange, { outcome: 'loadShed', rejection: 'platform_queue_full' })
      return false
    }
    dispatch.state = 'looking'
    if (dispatch.queuedAt === 0) dispatch.queuedAt = this.now()
    return true
  }

  #create(
    { name, version }: AppRecord,
    { reason, trial }: { reason: ColdStartReason; trial: StartedTrial | null },
  ): AppState {
    const { config, bundleHash, bundleBytes } = version
    const limits = instanceLimits(this.config, config)
    const starter = new InstanceStarter(this, {
      app: name,
      version: version.id,
      config,
      limits,
      bundleHash,
      bundleBytes,
    })
    const pool = new InstancePool({ name, version: version.id }, { host: this, starter, reason })
    if (trial) {
      pool.adopt(trial.instance)
      starter.tell(trial.instance, trial.result, 'deploy')
    }
    return { name, version, config, limits, startTime: Date.now(), pool }
  }

  /** Takes an exchange that no instance has out of whatever it waits for. */
  #leave(exchange: DispatchedExchange): void {
    exchange.dispatch.pool?.unqueue(exchange)
    this.release(exchange)
  }

  #beat(): void {
    this.#conduct.beat(Array.from(this.#apps.values(), ({ pool }) => pool))
    for (const { pool } of this.#apps.values()) pool.beat()
    this.#supervisor.beat()
  }
}
