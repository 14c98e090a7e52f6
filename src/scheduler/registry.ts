/**
 * What is deployed, as far as it is in memory: routes and apps read from the store, kept until they change there.
 * Our own process says what it changed; what others change is found by polling the store's generation.
 */
import type { AppConfig } from '../app-config.ts'
import type { ColdStartReason } from '../channels.ts'
import type { Config } from '../config.ts'
import type { StartResult } from '../runtime/messages.ts'
import type { AppRecord, Store } from '../store/store.ts'
import { AppCache, type AppState } from './app-cache.ts'
import { GenerationWatch } from './generation-watch.ts'
import type { Instance } from './instance.ts'
import type { LimitsConfig } from './instance-spec.ts'
import { RouteCache } from './route-cache.ts'
import type { Runtime } from './runtime.ts'
import { Trials } from './trials.ts'

export interface RegistryOptions {
  config: RegistryConfig
  store: Pick<Store, 'generation' | 'app' | 'routesFor'>
  /** Makes the state of an app just read. `trial`: its version has been started already. */
  create(record: AppRecord, options: { reason: ColdStartReason; trial: StartedTrial | null }): AppState
  /** The best runtime for one more instance of the app; null if none is up. */
  place(app: string, bundleBytes: number): Runtime | null
  /** Another version of the app is deployed: what was held against the last one is forgotten. */
  onNewVersion(app: string): void
}

export interface StartedTrial {
  instance: Instance
  result: StartResult
}

export type RegistryConfig = LimitsConfig &
  Pick<Config, 'domain' | 'appsMax' | 'routeCacheMax' | 'negativeCacheMs' | 'generationPollMs'>

/** Apps whose version is compared with the store's between two turns of the event loop. */
const REVALIDATED_AT_ONCE = 16

export class Registry {
  readonly #options: RegistryOptions
  readonly #trials: Trials
  readonly #watch: GenerationWatch
  readonly routes: RouteCache
  readonly apps: AppCache

  constructor(options: RegistryOptions) {
    const { config, store, create, place } = options
    this.#options = options
    this.routes = new RouteCache({
      store,
      domain: config.domain,
      max: config.routeCacheMax,
      negativeMs: config.negativeCacheMs,
    })
    this.apps = new AppCache({
      store,
      max: config.appsMax,
      create: (record, reason) => create(record, { reason, trial: this.#trials.take(record) }),
    })
    this.#trials = new Trials({ config, place })
    this.#watch = new GenerationWatch({
      store,
      pollMs: config.generationPollMs,
      onNews: () => this.#revalidate(),
    })
  }

  /** Of the state that is served now. */
  get generation(): number {
    return this.#watch.generation
  }

  /** Milliseconds since the epoch. */
  get generationAppliedAt(): number {
    return this.#watch.appliedAt
  }

  /** Rejects if the store does not answer. */
  start(): Promise<void> {
    return this.#watch.start()
  }

  /** Stops looking for changes and ends trials; what is loaded stays. */
  stop(): void {
    this.#watch.stop()
    this.#trials.clear()
  }

  verify(app: string, config: AppConfig, bundle: Buffer): Promise<StartResult> {
    return this.#trials.verify(app, config, bundle)
  }

  changed(app: string, reason: 'redeployed' | 'deleted' | 'routes'): void {
    this.routes.clear()
    if (reason === 'routes') return
    const wasLoaded = this.apps.peek(app) !== undefined
    this.#drop(app, reason)
    // An app in use goes on without a pause; one that is not costs no memory until it is asked for.
    if (wasLoaded && this.#trials.has(app)) this.apps.load(app).catch(() => {})
  }

  #drop(app: string, reason: 'redeployed' | 'deleted'): void {
    this.#options.onNewVersion(app)
    this.apps.drop(app, reason)
  }

  /** Brings every loaded app up to date with the store. */
  async #revalidate(): Promise<void> {
    this.routes.clear()
    let checked = 0
    for (const { name, version } of [...this.apps.values()]) {
      const record = await this.#options.store.app(name)
      const isCurrent = this.apps.peek(name)?.version === version
      if (isCurrent && record?.version.id !== version.id) this.#drop(name, record ? 'redeployed' : 'deleted')
      if (++checked % REVALIDATED_AT_ONCE === 0) await new Promise(setImmediate)
    }
  }
}
