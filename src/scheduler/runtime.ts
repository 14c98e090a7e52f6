/**
 * One place where instances run: a runtime process of ours, or a remote one, across its lives. It knows the
 * connection while there is one and the instances on it, hands what the runtime tells to their owners, and
 * publishes what is only to be observed.
 */
import type { RestartReason } from '../channels.ts'
import type { Termination } from '../outcome.ts'
import { RuntimeClient, type RuntimeEvents } from '../runtime/client.ts'
import type { InstanceEnd, InstanceSpec, RuntimeStats, StartResult } from '../runtime/messages.ts'
import type { Verdict } from './blame.ts'
import { bury, type Failed, type Lost } from './burial.ts'
import { type Cause, type Killed, whatEnded } from './cause.ts'
import type { DispatchedExchange } from './dispatch.ts'
import { Heartbeat, type HeartbeatLimits } from './heartbeat.ts'
import { type FailedRequests, Instance, type InstanceOwner } from './instance.ts'
import { certainGrowth, SHORT, shed } from './memory.ts'
import { reportEnd, reportLog, reportNotice, reportStats, reportStuck } from './reports.ts'
import type { RuntimeProcess } from './runtime-process.ts'

/** Where a runtime listens; `process` if it is ours to watch and to kill. */
export interface Launched {
  address: { path: string } | { host: string; port: number }
  token: string
  process: RuntimeProcess | null
}

/** What is told during a life of a runtime. */
export interface LifeEvents {
  onUp(): void
  /** It is silent or short of memory: it may not live long. */
  onTrouble(): void
  /** An instance does not end: the others have until its grace is over. */
  onStuck(): void
  /** An instance of the app had to be ended for the CPU time or the memory that it used. */
  onOverreached(app: string): void
  /** Who is to blame, or may be, for the end that is about to be told. */
  onVerdict(verdict: Verdict, reason: RestartReason): void
}

/** How a life of a runtime ended. */
export interface RuntimeEnd {
  reason: RestartReason
  detail: string
  /** Apps that had instances there, those to blame first. */
  apps: string[]
}

/** How long the end of a process may lag behind the end of its connection. */
const EXIT_LAG_MS_MAX = 250

/**
 * The end of a process that is killed lags behind, too: its memory goes before its connection does. What it had sent by
 * then is read, for so long, and what it held then goes elsewhere.
 */
const LAST_WORDS_MS = 10

/** Requests that one connection carries at once, with room to spare for the protocol's own bound. */
const IN_FLIGHT_MAX = 60_000

export class Runtime {
  readonly id: string
  /** The only app that runs here; null: whichever comes. */
  readonly tenant: string | null
  /** That its apps may use together: where there are several runtimes for all, each has one. */
  readonly cores: number
  readonly #limits: HeartbeatLimits
  readonly #instances = new Map<number, Instance>()
  /** Those that are to end and have not yet: the process may have to be killed for them. */
  readonly #stuck = new Set<Instance>()
  #client: RuntimeClient | null = null
  #nextInstance = 1
  #killed: Killed | null = null
  #shuttingDown = false
  /** Settled once the owners know what this life's end has cost them. */
  #buried = Promise.withResolvers<void>()
  #process: RuntimeProcess | null = null
  #onOverreached: (app: string) => void = () => {}
  stats: RuntimeStats | null = null
  /** Its apps are to be elsewhere: it is to end for the memory that it holds for none of them. */
  leaving = false
  /** CPU time of instances that have ended, used since the last heartbeat. */
  #endedMs = 0
  /** Milliseconds since the epoch; 0 before the first heartbeat. */
  lastHeartbeatAt = 0

  constructor(
    id: string,
    limits: HeartbeatLimits,
    { tenant = null, cores = 1 }: { tenant?: string | null; cores?: number } = {},
  ) {
    this.cores = cores
    this.id = id
    this.#limits = limits
    this.tenant = tenant
  }

  get up(): boolean {
    return this.#client !== null && this.#killed === null
  }

  /** It ends, or has ended, in good order. */
  get shuttingDown(): boolean {
    return this.#shuttingDown
  }

  get rssBytesMax(): number {
    return this.#limits.rssBytesMax
  }

  /** Of the process, 0 if there is none. */
  get pid(): number {
    return this.#process?.pid ?? this.#client?.pid ?? 0
  }

  get client(): RuntimeClient | null {
    return this.#client
  }

  get instances(): ReadonlyMap<number, Instance> {
    return this.#instances
  }

  /** Whether it can take one more request. */
  get hasRoom(): boolean {
    return this.up && this.#client!.inFlight < IN_FLIGHT_MAX
  }

  /** Whether it may have to be killed for what another app does. */
  endangers(app: string): boolean {
    return this.#stuck.size > 0 && ![...this.#stuck].some(({ owner }) => owner.name === app)
  }

  /** Resident memory; 0 if there is none or it is not known. */
  get rssBytes(): number {
    return this.#process?.status.rssBytes() || (this.stats?.rssBytes ?? 0)
  }

  /** Isolates that wait for an app, as of the last heartbeat. */
  get prewarmed(): number {
    return this.stats?.prewarmed ?? 0
  }

  /** Isolates running at a time, as of the last heartbeat. */
  get busy(): number {
    let sum = 0
    for (const instance of this.#instances.values()) sum += instance.busy
    return sum
  }

  /** As `busy`, less the cores that are the runtime's besides one. */
  get crowding(): number {
    return this.busy - (this.cores - 1)
  }

  /**
   * Connects and stays until the runtime's end. Rejects if it cannot be connected to. The verdict is told before
   * the owners of what lived there hear of their loss.
   */
  async live(
    launched: Launched,
    { onUp, onTrouble, onStuck, onOverreached, onVerdict }: LifeEvents,
  ): Promise<RuntimeEnd> {
    const closed = Promise.withResolvers<{ failed: Lost[]; reason: string }>()
    this.#killed = null
    this.#onOverreached = onOverreached
    this.#buried = Promise.withResolvers()
    this.#process = launched.process
    const client = await RuntimeClient.connect(launched.address, {
      token: launched.token,
      events: this.#events({ onClosed: closed.resolve, onStuck, onVerdict }),
    })
    this.#client = client
    const heartbeat = new Heartbeat(client, {
      limits: this.#limits,
      status: launched.process?.status ?? null,
      onStats: stats => this.#onStats(stats),
      onTrouble,
      onKill: (reason, detail) => this.kill(reason, detail),
    })
    heartbeat.start()
    onUp()
    const { failed, reason } = await closed.promise
    this.#client = null
    heartbeat.stop()
    const exit = launched.process && !this.#killed ? await launched.process.ended(EXIT_LAG_MS_MAX) : null
    this.#process = null
    const end = this.#bury(failed, { death: whatEnded({ killed: this.#killed, exit, reason }), onVerdict })
    this.#buried.resolve()
    return end
  }

  /** Starts an instance; `owner` hears of it from then on. Never rejects. */
  async start(
    owner: InstanceOwner,
    { spec, bundle }: { spec: InstanceSpec; bundle: Buffer },
  ): Promise<{ instance: Instance; result: StartResult }> {
    const memoryBytesMax = spec.limits.memoryMb * 2 ** 20
    const instance = new Instance(this.#nextInstance++, { runtime: this, owner, memoryBytesMax })
    const client = this.#client
    if (!client) return { instance, result: NOT_STARTED }
    this.#instances.set(instance.id, instance)
    const starting = client.start(instance.id, spec, bundle)
    owner.onStarting(instance)
    const result = await starting
    if (client !== this.#client || this.#killed) await this.#buried.promise
    if (result.outcome === 'ok' && this.#instances.has(instance.id)) return { instance, result }
    instance.state = 'ended'
    owner.onReturned(instance, client.withdraw(instance.id) as DispatchedExchange[])
    if (result.outcome === 'ok') return { instance, result: NOT_STARTED }
    if (!result.isEnding && this.#instances.delete(instance.id)) {
      const reason = result.outcome === 'internalError' ? 'runtimeDied' : result.outcome
      const { message, cpuMs = instance.cpuMsTold } = result
      this.#noteEnd(instance, reason)
      reportEnd(instance, { reason, message, cpuMs, heapBytes: instance.heapBytes, guiltyCpuMs: 0 })
    }
    return { instance, result }
  }

  /** Ends the process, or cuts a remote one off. What it held is told to the owners. */
  kill(reason: RestartReason, detail: string): void {
    this.#kill({ reason, detail, app: null })
  }

  /** Ends this life and what is in it in good order: the platform stops. */
  shutDown(): void {
    this.#shuttingDown = true
    this.#client?.close()
  }

  #kill(killed: Killed): void {
    this.#killed ??= killed
    const client = this.#client
    if (!this.#process) return client?.close()
    this.#process.kill()
    setTimeout(() => client?.close(), LAST_WORDS_MS)
  }

  #events({
    onClosed,
    onStuck,
    onVerdict,
  }: { onClosed(lost: { failed: Lost[]; reason: string }): void } & Pick<
    LifeEvents,
    'onStuck' | 'onVerdict'
  >): RuntimeEvents {
    return {
      finished: (id, exchange, end) => {
        const instance = this.#instances.get(id)
        if (instance) instance.owner.onFinished(instance, exchange as DispatchedExchange, end)
      },
      instanceStarted: id => {
        const instance = this.#instances.get(id)
        if (!instance) return
        instance.state = 'ready'
        instance.started = true
        instance.owner.onStarted(instance)
      },
      instanceStuck: id => {
        const instance = this.#instances.get(id)
        if (!instance || this.#stuck.has(instance)) return
        this.#stuck.add(instance)
        reportStuck(instance)
        onStuck()
      },
      instanceEnded: (id, end, failed) => {
        const instance = this.#instances.get(id)
        if (instance) this.#end(instance, { end, failed: { ...failed, suspect: false } })
      },
      log: (id, line, exchange) => {
        const instance = this.#instances.get(id)
        if (instance) reportLog(instance, line, exchange)
      },
      notice: (id, notice) => {
        const instance = this.#instances.get(id)
        if (instance) reportNotice(instance, notice)
      },
      catastrophe: (message, id) => {
        const app = this.#instances.get(id)?.owner.name ?? null
        this.#kill({ reason: 'catastrophe', detail: message, app })
        // A process takes its time to go; meanwhile the app is not to do the same elsewhere.
        if (app !== null && !this.#shuttingDown)
          onVerdict({ apps: new Set([app]), isProven: true }, 'catastrophe')
      },
      closed: (failed, reason) => {
        this.#client = null
        for (const instance of this.#instances.values()) instance.state = 'lost'
        onClosed({ failed, reason })
      },
    }
  }

  #end(instance: Instance, { end, failed }: { end: InstanceEnd; failed: Failed }): void {
    this.#instances.delete(instance.id)
    this.#stuck.delete(instance)
    this.#endedMs += Math.max(0, end.cpuMs - instance.cpuMsTold)
    instance.state = 'ended'
    this.#noteEnd(instance, end.reason)
    reportEnd(instance, end, failed.guilty?.requestId)
    // Whoever waits for a start learns its end from the start's result.
    if (instance.started) return instance.owner.onEnded(instance, end, failed as FailedRequests)
    const { guilty, entered, untouched } = failed as FailedRequests
    instance.owner.onReturned(instance, [...(guilty ? [guilty] : []), ...entered, ...untouched])
  }

  #noteEnd({ owner }: Instance, reason: Termination): void {
    if (reason === 'exceededCpu' || reason === 'exceededMemory') this.#onOverreached(owner.name)
  }

  /** Tells every owner of what was lost, and judges who is to blame. */
  #bury(lost: Lost[], { death, onVerdict }: { death: Cause } & Pick<LifeEvents, 'onVerdict'>): RuntimeEnd {
    const culprit = this.#killed?.app ?? null
    const { verdict, ends, apps } = bury({
      death,
      lost,
      culprit,
      instances: [...this.#instances.values()],
      rssBytes: this.stats?.rssBytes ?? 0,
      isSolitary: this.tenant !== null,
      shuttingDown: this.#shuttingDown,
    })
    this.#instances.clear()
    this.#stuck.clear()
    if (culprit === null && verdict.apps.size > 0) onVerdict(verdict, death.reason)
    for (const { instance, end, failed } of ends) this.#end(instance, { end, failed })
    this.stats = null
    return { reason: death.reason, detail: death.detail, apps }
  }

  #onStats(stats: RuntimeStats): void {
    const grownBytes = this.stats ? stats.rssBytes - this.stats.rssBytes : 0
    this.stats = stats
    this.lastHeartbeatAt = Date.now()
    const told = new Map(stats.instances.map(one => [one.instance, one]))
    for (const instance of this.#instances.values()) reportStats(instance, told.get(instance.id) ?? null)
    this.#attribute(grownBytes)
    this.#relieve(stats.rssBytes)
  }

  /** Notes whose doing it was that the process grew; what it gives back is taken off from all. */
  #attribute(grownBytes: number): void {
    const instances = [...this.#instances.values()]
    const growth = certainGrowth(instances, { grownBytes, elsewhereMs: this.#endedMs })
    this.#endedMs = 0
    if (growth) growth.instance.grownBytes += growth.bytes
    else if (grownBytes < 0)
      for (const instance of instances) instance.grownBytes = Math.max(0, instance.grownBytes + grownBytes)
  }

  /** If memory is short here, ends who has too much of it, or else idle instances. */
  #relieve(rssBytes: number): void {
    const excessBytes = rssBytes - SHORT * this.#limits.rssBytesMax
    if (excessBytes <= 0) return
    const instances = [...this.#instances.values()]
    const overgrown = instances.filter(instance => instance.isOvergrown)
    for (const { id } of overgrown) this.#client?.stop(id, 'exceededMemory')
    if (overgrown.length > 0) return
    for (const instance of shed(instances, excessBytes)) instance.owner.onUnwanted(instance)
  }
}

const NOT_STARTED: StartResult = {
  outcome: 'internalError',
  phasesMs: { isolate: 0, compile: 0, evaluate: 0 },
  message: 'The runtime process went away while the app started.',
}
