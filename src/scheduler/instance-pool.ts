/**
 * The instances of one version of one app, and the requests that wait for one.
 *
 * A request goes to the ready instance that holds the fewest. However many arrive while there is none, one is
 * started. When an instance is gone, each of its requests goes elsewhere or fails, as `retry.ts` decides. A
 * retired pool takes no new requests; those it has finish.
 */
import { type ColdStartReason, type EvictionReason, limitChannel, retryChannel } from '../channels.ts'
import type { InstanceEnd } from '../runtime/messages.ts'
import { BODY_WINDOW } from '../runtime/protocol.ts'
import { Departure, type LeaveOptions } from './departure.ts'
import type { DispatchedExchange } from './dispatch.ts'
import type { Failure } from './failure.ts'
import type { FailedRequests, Instance, InstanceOwner } from './instance.ts'
import { Instances } from './instances.ts'
import type { PoolHost } from './pool-host.ts'
import { ENDED_BY_APP, failureOf, isRepeatable, type Loss, retryReason } from './retry.ts'
import type { Runtime } from './runtime.ts'
import { isBacklogged, shouldScaleUp } from './scaling.ts'
import type { InstanceStarter, StartFailure } from './starter.ts'

export type RetireReason = EvictionReason | 'shutdown'

const TERMINATION_OF_RETIREMENT = {
  evict: 'evicted',
  redeployed: 'redeployed',
  deleted: 'deleted',
  shutdown: 'shutdown',
} as const satisfies Record<RetireReason, string>

/** With what WebSockets are closed when their instance has to go (RFC 6455, and its registry). */
const WEBSOCKET_CLOSE = { goingAway: 1001, serviceRestart: 1012 }

export class InstancePool implements InstanceOwner {
  readonly name: string
  readonly version: string
  readonly #host: PoolHost
  readonly #starter: InstanceStarter
  readonly #instances = new Instances()
  readonly #departure: Departure
  readonly #queue = new Set<DispatchedExchange>()
  /** Sent to instances that are not ready. */
  readonly #ahead = new Set<DispatchedExchange>()
  #inFlight = 0
  #starting = 0
  #active = false
  #nextReason: ColdStartReason
  #backlogBeats = 0
  #retired: RetireReason | null = null

  /** `reason` is why the first instance has to be started. */
  constructor(
    { name, version }: { name: string; version: string },
    { host, starter, reason }: { host: PoolHost; starter: InstanceStarter; reason: ColdStartReason },
  ) {
    this.name = name
    this.version = version
    this.#host = host
    this.#starter = starter
    this.#nextReason = reason
    this.#departure = new Departure({
      instances: this.#instances,
      now: () => host.now(),
      startElsewhere: async () => {
        if (!starter.refusal()) await this.#start('evicted')
      },
      drain: (instance, options) => {
        this.#nextReason = 'evicted'
        this.#drain(instance, options)
      },
    })
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get queued(): number {
    return this.#queue.size
  }

  get cpuMs(): number {
    return this.#instances.cpuMs
  }

  get servedMs(): number {
    return this.#instances.servedMs
  }

  get running(): number {
    return this.#instances.running
  }

  /** What its instances are started from. */
  get bundle(): { hash: string; bytes: number } {
    return this.#starter.bundle
  }

  get instances(): readonly Instance[] {
    return this.#instances.all
  }

  get readyInstances(): number {
    return this.#instances.ready.length
  }

  dispatch(exchange: DispatchedExchange): void {
    const { dispatch } = exchange
    dispatch.pool = this
    dispatch.app = this.name
    dispatch.version = this.version
    const instance = this.#instances.best
    if (instance) this.#send(instance, exchange)
    else this.#enqueue(exchange)
  }

  /** Takes a waiting exchange out of the queue. */
  unqueue(exchange: DispatchedExchange): void {
    if (this.#queue.delete(exchange)) this.#noteActivity()
  }

  /** An instance that was started on trial serves from now on. */
  adopt(instance: Instance): void {
    instance.owner = this
    this.#nextReason = 'evicted'
    if (instance.state === 'ready') this.onStarted(instance)
  }

  /** Starts an instance if requests wait and none is on its way: a runtime has come up. */
  kick(): void {
    if (this.#queue.size > 0 && this.#starting === 0) void this.#start(this.#nextReason)
  }

  /** Housekeeping, once per heartbeat: idle instances end, others go where they belong, a lasting backlog gets help. */
  beat(): void {
    const { config } = this.#host
    this.#departure.goOn()
    const idleBefore = this.#host.now() - config.idleMs
    for (const instance of this.#instances.ready) {
      if (instance.inFlight > 0 || instance.idleSince > idleBefore) continue
      this.#nextReason = 'evicted'
      this.#stop(instance, 'idle')
    }
    const load = {
      ready: this.#instances.ready,
      instances: this.#instances.all.length + this.#starting,
      instancesMax: config.instancesMax,
    }
    this.#backlogBeats = isBacklogged(load) ? this.#backlogBeats + 1 : 0
    if (this.#backlogBeats === 0 || this.#starting > 0 || this.#starter.refusal()) return
    const runtimeBusy = this.#starter.place()?.crowding ?? Infinity
    if (!shouldScaleUp(load, { beats: this.#backlogBeats, runtimeBusy })) return
    this.#backlogBeats = 0
    void this.#start('scale_up')
  }

  /** Takes no new requests from now on; ends its instances as they fall idle. */
  retire(reason: RetireReason): void {
    this.#retired = reason
    this.#host.onRetired(this)
    // Their app has changed: what waits may be answered differently now. An evicted app's requests still get
    // the instance that is on its way, or two apps could evict each other for ever.
    if (reason === 'redeployed' || reason === 'deleted') {
      for (const exchange of [...this.#queue]) {
        this.unqueue(exchange)
        this.#host.reroute(exchange)
      }
      for (const exchange of this.#ahead) this.#recall(exchange)
    }
    for (const instance of [...this.#instances.all]) this.#drain(instance)
    this.#checkEmpty()
  }

  /** What waits goes ahead, if it may go elsewhere should the runtime die: whether the app had it is not known then. */
  onStarting(instance: Instance): void {
    for (const exchange of this.#queue) {
      if (!isRepeatable(exchange) || !instance.runtime.hasRoom) continue
      this.#queue.delete(exchange)
      this.#ahead.add(exchange)
      this.#post(instance, exchange)
    }
  }

  onStarted(instance: Instance): void {
    instance.idleSince = this.#host.now()
    this.#instances.add(instance)
    for (const exchange of this.#sentAhead(instance)) {
      exchange.dispatch.coldStart = true
      this.#endWait(exchange)
    }
    for (const exchange of this.#queue) {
      this.#queue.delete(exchange)
      exchange.dispatch.coldStart = true
      this.#send(instance, exchange)
    }
    if (this.#retired) this.#drain(instance)
  }

  /** What was sent ahead to it, if anything: that is told only once. */
  #sentAhead(instance: Instance): DispatchedExchange[] {
    const sent = [...this.#ahead].filter(({ dispatch }) => dispatch.instance === instance)
    for (const exchange of sent) this.#ahead.delete(exchange)
    return sent
  }

  onReturned(instance: Instance, exchanges: DispatchedExchange[]): void {
    this.#sentAhead(instance)
    this.#inFlight -= instance.inFlight
    instance.inFlight = 0
    for (const exchange of exchanges) {
      const { dispatch } = exchange
      dispatch.instance = null
      if (this.#retired) this.#host.reroute(exchange)
      else {
        dispatch.state = 'queued'
        this.#queue.add(exchange)
      }
    }
    this.#noteActivity()
  }

  onFinished(instance: Instance, exchange: DispatchedExchange): void {
    instance.inFlight--
    this.#inFlight--
    exchange.dispatch.instance = null
    this.#host.release(exchange)
    this.#noteActivity()
    if (instance.inFlight > 0) return
    instance.idleSince = this.#host.now()
    if (this.#retired || instance.state === 'draining') this.#drain(instance)
    this.#checkEmpty()
  }

  onUnwanted(instance: Instance): void {
    if (instance.state !== 'ready' || instance.inFlight > 0) return
    this.#nextReason = 'evicted'
    this.#stop(instance, 'evicted')
  }

  shownStack(stack: string): Promise<string> | null {
    return this.#host.shownStack(this.name, this.bundle.hash, stack)
  }

  /** As `Departure.leave`. */
  leave(isForbidden: (runtime: Runtime) => boolean, options: LeaveOptions): void {
    this.#departure.leave(isForbidden, options)
  }

  onEnded(instance: Instance, end: InstanceEnd, failed: FailedRequests): void {
    this.#instances.delete(instance)
    if (end.reason === 'runtimeDied' || ENDED_BY_APP[end.reason]) this.#nextReason = 'crash'
    this.#publishLimit(end)
    this.#inFlight -= instance.inFlight
    this.#noteActivity()
    // If nobody in particular is to blame, everybody who was at work may be.
    const suspect = failed.suspect || (failed.guilty === null && ENDED_BY_APP[end.reason])
    if (failed.guilty)
      this.#recover(failed.guilty, { end, entered: true, suspect: true, cpuMs: end.guiltyCpuMs })
    for (const exchange of failed.entered) this.#recover(exchange, { end, entered: true, suspect })
    for (const exchange of failed.untouched) this.#recover(exchange, { end, entered: false, suspect })
    this.#checkEmpty()
  }

  /** Sends a request whose instance is gone elsewhere, or fails it. */
  #recover(exchange: DispatchedExchange, loss: Loss): void {
    const { dispatch } = exchange
    dispatch.instance = null
    if (dispatch.cancelled) return this.#host.release(exchange)
    const failure = failureOf(exchange, loss)
    if (failure) return this.#host.fail(exchange, failure)
    dispatch.retries++
    if (loss.entered) dispatch.replays++
    const reason = retryReason(loss.end.reason)
    retryChannel.publish({ app: this.name, requestId: exchange.requestId, reason })
    if (this.#retired) this.#host.reroute(exchange)
    else this.dispatch(exchange)
  }

  #send(instance: Instance, exchange: DispatchedExchange): void {
    if (exchange.dispatch.queuedAt !== 0) this.#endWait(exchange)
    this.#post(instance, exchange)
  }

  /** Has what was sent ahead, and is to be answered still, go elsewhere. */
  #recall(exchange: DispatchedExchange): void {
    const { link, dispatch } = exchange
    if (!link) return
    this.#ahead.delete(exchange)
    link.client.recall(exchange)
    dispatch.instance!.inFlight--
    this.#inFlight--
    dispatch.instance = null
    this.#host.reroute(exchange)
  }

  #endWait({ dispatch }: DispatchedExchange): void {
    const now = this.#host.now()
    dispatch.queueMs += now - dispatch.queuedAt
    dispatch.queuedAt = 0
    dispatch.inputAt = now
  }

  #post(instance: Instance, exchange: DispatchedExchange): void {
    const { dispatch } = exchange
    dispatch.state = 'sent'
    dispatch.instance = instance
    instance.inFlight++
    this.#inFlight++
    if (!this.#active) this.#noteActivity()
    instance.runtime.client!.send(instance.id, exchange)
    exchange.onSent(BODY_WINDOW)
  }

  #enqueue(exchange: DispatchedExchange): void {
    const { dispatch } = exchange
    const refusal = this.#starter.refusal() ?? this.#quarantine()
    if (refusal) return this.#host.fail(exchange, refusal)
    if (this.#retired) this.#host.onRetired(this)
    dispatch.state = 'queued'
    if (dispatch.queuedAt === 0) dispatch.queuedAt = this.#host.now()
    this.#queue.add(exchange)
    this.#noteActivity()
    this.kick()
  }

  #quarantine(): Failure | null {
    const retryAfterMs = this.#host.pausedMs(this.name)
    return retryAfterMs > 0 ? { outcome: 'loadShed', rejection: 'quarantined', retryAfterMs } : null
  }

  async #start(reason: ColdStartReason): Promise<void> {
    this.#starting++
    const started = await this.#starter.start(this, reason)
    this.#starting--
    if (started === null) return
    if (!('instance' in started)) this.#onStartFailed(started)
    // What has come since its end, if it has ended already.
    else if (started.instance.state !== 'ready') this.kick()
    this.#checkEmpty()
  }

  #onStartFailed(failure: StartFailure): void {
    // Ready instances elsewhere go on; only who waits for this one is told.
    const instance = this.#instances.best
    for (const exchange of [...this.#queue]) {
      this.#queue.delete(exchange)
      if (instance) this.#send(instance, exchange)
      else this.#host.fail(exchange, failure)
    }
    this.#noteActivity()
  }

  #drain(instance: Instance, { closesWebSockets = true } = {}): void {
    if (instance.state === 'ready') instance.state = 'draining'
    if (closesWebSockets && !instance.windingDown && instance.state === 'draining' && instance.inFlight > 0) {
      instance.windingDown = true
      const code = this.#retired === 'redeployed' ? WEBSOCKET_CLOSE.serviceRestart : WEBSOCKET_CLOSE.goingAway
      instance.runtime.client?.drain(instance.id, code)
    }
    if (instance.state !== 'draining' || instance.inFlight > 0) return
    this.#stop(instance, TERMINATION_OF_RETIREMENT[this.#retired ?? 'evict'])
  }

  #stop(instance: Instance, reason: 'idle' | 'evicted' | 'redeployed' | 'deleted' | 'shutdown'): void {
    instance.state = 'ended'
    this.#instances.delete(instance)
    instance.runtime.client?.stop(instance.id, reason)
  }

  #noteActivity(): void {
    const active = this.#inFlight + this.#queue.size > 0
    if (active === this.#active) return
    this.#active = active
    this.#host.onActive(active)
  }

  #checkEmpty(): void {
    if (!this.#retired || this.#instances.all.length > 0 || this.#queue.size > 0 || this.#starting > 0) return
    this.#host.onEmpty(this)
  }

  #publishLimit({ reason }: InstanceEnd): void {
    if (reason === 'exceededCpu') limitChannel.publish({ app: this.name, limit: 'cpu' })
    else if (reason === 'exceededMemory') limitChannel.publish({ app: this.name, limit: 'memory' })
  }
}
