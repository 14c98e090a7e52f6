/**
 * Starts instances of one version of an app: reads the bundle, finds a runtime, waits for the result. A version
 * that does not start is not tried again for a while, which doubles each time, so that a broken app costs nothing.
 */
import { type ColdStartEvent, type ColdStartReason, coldStartChannel, limitChannel } from '../channels.ts'
import type { StartResult } from '../runtime/messages.ts'
import { backoffMs } from './backoff.ts'
import type { Failure } from './failure.ts'
import type { Instance, InstanceOwner } from './instance.ts'
import { instanceSpec, type SpecOptions } from './instance-spec.ts'
import { reportException } from './reports.ts'
import type { Runtime } from './runtime.ts'

export interface StarterHost {
  now(): number
  /** Resolves when it may start an instance, to what ends its turn. */
  startSlot(): Promise<Disposable>
  /** The best runtime for one more instance of the app; null if none is up. */
  place(app: string, bundleBytes: number): Runtime | null
  /** How long the app may not start an instance. */
  pausedMs(app: string): number
  /** A packed bundle of the app, or null if the store has none of that hash. Rejects if the store does not answer. */
  bundle(app: string, hash: string): Promise<Buffer | null>
  /** As `AppStacks.shown`. */
  shownStack(app: string, bundleHash: string, stack: string): Promise<string> | null
}

export type StartFailure = Failure

/** Runtimes tried in a row when they die under a start. */
const ATTEMPTS_MAX = 3

const RETRY_BACKOFF = { firstMs: 100, maxMs: 30_000 }

export class InstanceStarter {
  readonly #host: StarterHost
  readonly #app: SpecOptions
  #failures = 0
  #broken: { failure: StartFailure; until: number } | null = null

  constructor(host: StarterHost, app: SpecOptions) {
    this.#host = host
    this.#app = app
  }

  get bundle(): { hash: string; bytes: number } {
    return { hash: this.#app.bundleHash, bytes: this.#app.bundleBytes }
  }

  /** The best runtime for one more instance; null if none is up. */
  place(): Runtime | null {
    return this.#host.place(this.#app.app, this.#app.bundleBytes)
  }

  /** Why there is no use in trying to start one now, or null. */
  refusal(): StartFailure | null {
    if (this.#broken && this.#host.now() < this.#broken.until) return this.#broken.failure
    return null
  }

  /** Resolves to the instance, to why there is none, or to null if no runtime is up. Never rejects. */
  async start(
    owner: InstanceOwner,
    reason: ColdStartReason,
  ): Promise<{ instance: Instance } | StartFailure | null> {
    const began = this.#host.now()
    // Before the bundle is read: a burst of starts must not hold all their bundles in memory.
    using _slot = await this.#host.startSlot()
    const fetchBegan = this.#host.now()
    let bundle: Buffer | null
    try {
      bundle = await this.#host.bundle(this.#app.app, this.#app.bundleHash)
    } catch {
      return { outcome: 'internalError', rejection: 'store_unavailable' }
    }
    if (!bundle) return this.#fail({ outcome: 'internalError', message: 'The app’s bundle is missing.' })
    const fetchMs = this.#host.now() - fetchBegan
    for (let attempt = 1; ; attempt++) {
      const runtime = this.place()
      if (!runtime) return null
      const { instance, result } = await runtime.start(owner, { spec: instanceSpec(this.#app), bundle })
      this.#publish(instance, { reason, result, fetchMs, totalMs: this.#host.now() - began })
      if (result.outcome === 'ok') {
        this.#failures = 0
        return { instance }
      }
      if (result.outcome !== 'internalError') {
        return this.#fail({ outcome: 'startupError', message: result.message })
      }
      if (attempt === ATTEMPTS_MAX || this.#host.pausedMs(owner.name) > 0) {
        return this.#fail({ outcome: 'internalError', message: result.message })
      }
    }
  }

  /** Tells of a cold start whose instance was started before the app had this version. */
  tell(instance: Instance, result: StartResult, reason: ColdStartReason): void {
    const { isolate, compile, evaluate } = result.phasesMs
    this.#publish(instance, { reason, result, fetchMs: 0, totalMs: isolate + compile + evaluate })
  }

  #fail(failure: StartFailure): StartFailure {
    this.#failures++
    this.#broken = { failure, until: this.#host.now() + backoffMs(this.#failures, RETRY_BACKOFF) }
    return failure
  }

  #publish(
    instance: Instance,
    {
      reason,
      result,
      fetchMs,
      totalMs,
    }: { reason: ColdStartReason; result: StartResult; fetchMs: number; totalMs: number },
  ): void {
    const { app, version } = this.#app
    const event: ColdStartEvent = {
      app,
      version,
      instance: instance.id,
      runtime: instance.runtime.id,
      reason,
      outcome: result.outcome,
      totalMs,
      phasesMs: { fetch: fetchMs, ...result.phasesMs },
    }
    coldStartChannel.publish(event)
    if (result.outcome === 'ok') return
    if (result.outcome === 'exceededCpu') limitChannel.publish({ app, limit: 'startup_cpu' })
    if (result.outcome === 'exceededMemory') limitChannel.publish({ app, limit: 'memory' })
    const stack = result.stack ?? result.message
    reportException({ app, version, stack, shown: this.#host.shownStack(app, this.#app.bundleHash, stack) })
  }
}
