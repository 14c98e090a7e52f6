/**
 * Versions that are started before they are deployed, to learn whether they start. An instance that did waits
 * for a while: once its version is deployed it serves the first requests, so that a deploy costs nobody a wait.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { AppConfig } from '../app-config.ts'
import { hashInSteps } from '../bundle.ts'
import type { StartResult } from '../runtime/messages.ts'
import type { AppRecord } from '../store/store.ts'
import type { Instance, InstanceOwner } from './instance.ts'
import { instanceLimits, instanceSpec, type LimitsConfig } from './instance-spec.ts'
import type { Runtime } from './runtime.ts'

export interface TrialsOptions {
  config: LimitsConfig
  /** The best runtime for one more instance of the app; null if none is up. */
  place(app: string, bundleBytes: number): Runtime | null
}

/** Instances that wait for their version's deployment, and how long they do. */
const PARKED_MAX = 16
const PARKED_MS_MAX = 30_000

/** Several neighbours may bring their runtimes down at a time. */
const TRIES_MAX = 3

/** How long a trial waits for a runtime when none is up. */
const PLACE_MS_MAX = 5000
const PLACE_POLL_MS = 50

interface Trial {
  instance: Instance
  result: StartResult
  config: AppConfig
  hash: string
  timer: NodeJS.Timeout
}

export class Trials {
  readonly #options: TrialsOptions
  readonly #parked = new Map<string, Trial>()

  constructor(options: TrialsOptions) {
    this.#options = options
  }

  /**
   * Starts the version. Resolves however that ends. A trial that a runtime's death has cut short is repeated, for the
   * death may have been somebody else's doing.
   */
  async verify(app: string, config: AppConfig, bundle: Buffer): Promise<StartResult> {
    const hash = await hashInSteps(bundle)
    for (let tries = 1; ; tries++) {
      const result = await this.#try(app, config, { bundle, hash })
      if (result.outcome !== 'internalError' || result === NO_RUNTIME || tries === TRIES_MAX) return result
    }
  }

  async #try(
    app: string,
    config: AppConfig,
    { bundle, hash }: { bundle: Buffer; hash: string },
  ): Promise<StartResult> {
    const runtime = await this.#runtime(app, bundle.byteLength)
    if (!runtime) return NO_RUNTIME
    const owner: InstanceOwner = {
      name: app,
      version: '',
      onStarting: () => {},
      onStarted: () => {},
      onReturned: () => {},
      onFinished: () => {},
      onEnded: instance => this.#forget(app, instance),
      onUnwanted: instance => {
        const trial = this.#parked.get(app)
        if (trial?.instance === instance) this.#end(app, trial)
      },
      // Who deploys it is told.
      shownStack: () => null,
    }
    const limits = instanceLimits(this.#options.config, config)
    const bundleBytes = bundle.byteLength
    const spec = instanceSpec({ app, version: '', config, limits, bundleHash: hash, bundleBytes })
    const { instance, result } = await runtime.start(owner, { spec, bundle })
    if (result.outcome === 'ok') this.#park(app, { instance, result, config, hash })
    return result
  }

  /** A runtime that is up, or comes up soon. */
  async #runtime(app: string, bundleBytes: number): Promise<Runtime | null> {
    for (let waitedMs = 0; waitedMs < PLACE_MS_MAX; waitedMs += PLACE_POLL_MS) {
      const runtime = this.#options.place(app, bundleBytes)
      if (runtime) return runtime
      await sleep(PLACE_POLL_MS)
    }
    return null
  }

  /** Whether an instance of some version of the app waits. */
  has(app: string): boolean {
    return this.#parked.has(app)
  }

  /** Hands over the instance that was started as this very version, if it is still there. */
  take({ name: app, version }: AppRecord): { instance: Instance; result: StartResult } | null {
    const trial = this.#parked.get(app)
    if (!trial || trial.hash !== version.bundleHash || !isDeepStrictEqual(trial.config, version.config)) {
      return null
    }
    this.#unpark(app, trial)
    return trial.instance.state === 'ready' ? trial : null
  }

  /** Ends every instance that waits. */
  clear(): void {
    for (const [app, trial] of this.#parked) this.#end(app, trial)
  }

  #park(app: string, { instance, result, config, hash }: Omit<Trial, 'timer'>): void {
    const previous = this.#parked.get(app)
    if (previous) this.#end(app, previous)
    if (this.#parked.size >= PARKED_MAX) {
      const [oldest] = this.#parked
      if (oldest) this.#end(...oldest)
    }
    const timer = setTimeout(() => {
      const trial = this.#parked.get(app)
      if (trial?.instance === instance) this.#end(app, trial)
    }, PARKED_MS_MAX)
    timer.unref()
    // What the store gives back has been through JSON.
    const stored = JSON.parse(JSON.stringify(config)) as AppConfig
    this.#parked.set(app, { instance, result, config: stored, hash, timer })
  }

  #end(app: string, trial: Trial): void {
    this.#unpark(app, trial)
    if (trial.instance.state !== 'ready') return
    trial.instance.state = 'ended'
    trial.instance.runtime.client?.stop(trial.instance.id, 'idle')
  }

  #unpark(app: string, trial: Trial): void {
    clearTimeout(trial.timer)
    this.#parked.delete(app)
  }

  #forget(app: string, instance: Instance): void {
    const trial = this.#parked.get(app)
    if (trial?.instance === instance) this.#unpark(app, trial)
  }
}

const NO_RUNTIME: StartResult = {
  outcome: 'internalError',
  phasesMs: { isolate: 0, compile: 0, evaluate: 0 },
  message: 'No runtime process is up; try again in a moment.',
}
