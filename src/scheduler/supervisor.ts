/**
 * Keeps runtimes alive: as many processes as asked for, or connections to remote ones. A runtime that dies is
 * replaced at once, by a warm spare if there is one; one that keeps dying young is given time, twice as much at each
 * turn. Apps in quarantine get runtimes of their own, as long as processes are ours to start.
 */
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { type RestartReason, runtimeRestartChannel } from '../channels.ts'
import { type Address, type Config, parseAddress } from '../config.ts'
import type { DoorAddress } from '../door.ts'
import { VitrineError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import type { Verdict } from './blame.ts'
import type { HeartbeatLimits } from './heartbeat.ts'
import type { Launcher } from './launcher.ts'
import { loadOf, place } from './placement.ts'
import { PlatformMemory } from './platform-memory.ts'
import { Processes, type ProcessesConfig } from './processes.ts'
import type { Standing } from './quarantine.ts'
import { Renewal } from './renewal.ts'
import { type Launched, Runtime } from './runtime.ts'
import type { LineListener } from './runtime-process.ts'
import { SolitaryRuntimes } from './solitary.ts'

export interface SupervisorOptions {
  config: SupervisorConfig
  /** What starts processes; ended with the supervisor. Default: a launcher of its own. */
  launcher?: Launcher
  /** Where the apps of the processes that are started here have their caches. Default: they keep nothing. */
  cache?: DoorAddress
  /** Who makes their TLS connections. Default: nobody. */
  tls?: DoorAddress
  /** Resident memory of processes that are neither runtimes nor this one. Default: there are none. */
  otherBytes?: () => number
  /** A runtime process has written a line. */
  onLine: LineListener
  /** A runtime, or a spare, does not come up; it is tried again. */
  onStartFailed(error: Error, runtime: string): void
}

export type SupervisorConfig = ProcessesConfig &
  Pick<
    Config,
    'runtimes' | 'token' | 'heartbeatMs' | 'heartbeatMisses' | 'runtimeRssMb' | 'platformRssMb' | 'renewMb'
  >

/** Who uses the runtimes. */
export interface RuntimeUser {
  /** Apps that run there are to go elsewhere: `isForbidden` says so. */
  vacate(runtime: Runtime): void
  /** There is more room than before: what waits for a runtime may try again. */
  runtimeUp(): void
  /** An instance of the app had to be ended for the CPU time or the memory that it used. */
  overreached(app: string): void
  /** A runtime has died of this. */
  judged(verdict: Verdict, reason: RestartReason): void
}

interface LifeOptions {
  /** Where it is, if it is elsewhere. */
  remote?: Address | undefined
  /** Whether its process yields its cores to others. Default: no. */
  yields?: boolean
  onUp?(): void
}

/** All busy apps are one tenant. */
const BUSY = 'busy'

const RUNTIMES_MIN = 2
const RUNTIMES_MAX = 256

/** A runtime that lived this long did not die of being started. */
const STABLE_MS = 1000

/** A runtime for quarantined apps that has been empty for this long ends; the one for busy apps, which come and go. */
const EMPTY_MS_MAX = { solitary: 10_000, background: 60_000 }

/** An app that brings its own runtime down again and again, deployed anew or not, has a process started so often. */
const SOLITARY_EVERY_MS = 2000

const RESTART_BACKOFF = { firstMs: 100, maxMs: 5000 }

export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions
  readonly #limits: HeartbeatLimits
  readonly #remotes: Address[]
  readonly #stop = new AbortController()
  readonly #keepers: Promise<void>[] = []
  readonly #processes: Processes
  /** Those that any app may run in. */
  readonly #shared: readonly Runtime[]
  readonly #memory: PlatformMemory
  readonly #renewal: Renewal<Runtime>
  /** Null where there can be none. */
  readonly #solitary: SolitaryRuntimes | null
  /** The one for busy apps; null where there is none. */
  readonly #background: SolitaryRuntimes | null
  #user: RuntimeUser | null = null

  /** Throws CONFIG_INVALID if `config.runtimes` says nothing sensible. */
  constructor(options: SupervisorOptions) {
    this.#options = options
    const { config } = options
    const wanted = parseRuntimes(config.runtimes)
    this.#remotes = wanted.remotes
    this.#limits = {
      heartbeatMs: config.heartbeatMs,
      heartbeatMisses: config.heartbeatMisses,
      rssBytesMax: config.runtimeRssMb * 2 ** 20,
    }
    this.#shared = Array.from({ length: wanted.count }, (_, index) => new Runtime(`r${index}`, this.#limits))
    const isLocal = wanted.remotes.length === 0
    const { launcher, cache, tls, onLine, onStartFailed } = options
    const { signal } = this.#stop
    this.#processes = new Processes({ config, isLocal, launcher, cache, tls, signal, onLine, onStartFailed })
    this.#memory = new PlatformMemory(config.platformRssMb * 2 ** 20)
    this.#renewal = new Renewal({
      wasteBytesMax: config.renewMb * 2 ** 20,
      everyMs: config.heartbeatMs,
      vacate: runtime => this.#user?.vacate(runtime),
    })
    const onDemand = {
      onStartFailed,
      onRoom: () => this.#user?.runtimeUp(),
      isWasteful: (runtime: Runtime) => this.#renewal.isWasteful(runtime),
      live: (runtime: Runtime) => this.#live(runtime, { yields: true }),
    }
    this.#solitary =
      isLocal && config.solitaryRuntimes > 0
        ? new SolitaryRuntimes({
            max: config.solitaryRuntimes,
            prefix: 'q',
            emptyMsMax: EMPTY_MS_MAX.solitary,
            everyMs: SOLITARY_EVERY_MS,
            create: (id, tenant) => new Runtime(id, this.#limits, { tenant }),
            ...onDemand,
          })
        : null
    this.#background =
      isLocal && config.backgroundNice > 0
        ? new SolitaryRuntimes({
            max: 1,
            prefix: 'b',
            emptyMsMax: EMPTY_MS_MAX.background,
            everyMs: 0,
            create: id => new Runtime(id, this.#limits, { cores: availableParallelism() }),
            ...onDemand,
          })
        : null
  }

  /** Those that any app may run in, then the one for busy apps, then those of apps that are alone. */
  get runtimes(): readonly Runtime[] {
    return [...this.#shared, ...this.#yielding]
  }

  /** Whoever runs in these takes what the others leave. */
  get #yielding(): readonly Runtime[] {
    return [...(this.#background?.runtimes ?? []), ...(this.#solitary?.runtimes ?? [])]
  }

  /** Warm processes that wait for a runtime to die. */
  get spares(): number {
    return this.#processes.spares
  }

  /** Resolves when the first runtime is up; the others follow. Rejects if none comes up at the first attempt. */
  async start(user: RuntimeUser): Promise<void> {
    this.#user = user
    if (this.#remotes.length === 0) await this.#processes.open()
    const first = this.#shared.map((runtime, index) => {
      const up = Promise.withResolvers<void>()
      this.#keepers.push(this.#keep(runtime, this.#remotes[index], up))
      return up.promise
    })
    try {
      await Promise.any(first)
    } catch (error) {
      await this[Symbol.asyncDispose]()
      const [cause] = (error as AggregateError).errors as Error[]
      if (this.#remotes.length === 0) throw cause
      throw new VitrineError(
        'CONFIG_INVALID',
        `No runtime answers at ${this.#options.config.runtimes} (${cause!.message}): start them with vitrine runtime --listen, or change --runtimes`,
        { cause },
      )
    }
  }

  /** The best runtime for one more instance of the app; null if there is none now, and then the user hears of one. */
  place(
    app: string,
    { standing, isBusy }: { standing(app: string): Standing; isBusy: boolean },
  ): Runtime | null {
    const own = standing(app)
    if (own !== 'good' && this.#solitary) {
      const runtime = this.#solitary.place(app)
      if (runtime !== 'full') return runtime
      if (own === 'quarantined') return null
    }
    const background = isBusy && own === 'good' ? this.#background?.place(BUSY) : null
    // While it comes up a busy app is served where all are.
    if (background instanceof Runtime) return background
    const loads = this.#shared.map(runtime => loadOf(runtime, app, standing))
    return this.#shared[place(loads, { isSuspect: own !== 'good' })] ?? null
  }

  /** Whether the app, of that standing, is to leave the runtime. One with a long bundle may stay where busy apps are. */
  isForbidden(
    runtime: Runtime,
    { app, standing, isBusy, isLong }: { app: string; standing: Standing; isBusy: boolean; isLong: boolean },
  ): boolean {
    const { tenant, leaving } = runtime
    if (leaving) return true
    if (tenant !== null) return standing === 'good'
    const background = this.#background?.runtimes[0]
    if (runtime === background) return !(isBusy || isLong) || standing !== 'good'
    if (runtime.endangers(app) && this.#isRefuge(app)) return true
    if (isBusy && standing === 'good') return background?.up ?? false
    return standing === 'quarantined' && this.#solitary !== null
  }

  /** Whether the app can be somewhere where nobody endangers it. */
  #isRefuge(app: string): boolean {
    return this.#shared.some(one => one.up && !one.leaving && !one.endangers(app))
  }

  /** Housekeeping, once per heartbeat. */
  beat(): void {
    this.#solitary?.beat()
    this.#background?.beat()
    this.#processes.yieldCores()
    if (this.#remotes.length > 0) return
    const otherBytes = this.#processes.spareBytes + (this.#options.otherBytes?.() ?? 0)
    this.#memory.look(this.runtimes, otherBytes)
    this.#renewal.look(this.#shared)
  }

  /** Ends every runtime. What is still in flight there fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const runtime of this.#shared) runtime.shutDown()
    const onDemand = [this.#solitary?.[Symbol.asyncDispose](), this.#background?.[Symbol.asyncDispose]()]
    await this.#processes.end()
    await Promise.all([...this.#keepers, ...onDemand])
    await this.#processes[Symbol.asyncDispose]()
  }

  /** Starts one runtime again and again until the supervisor stops. */
  async #keep(runtime: Runtime, remote: Address | undefined, up: PromiseWithResolvers<void>): Promise<void> {
    const { signal } = this.#stop
    let failures = 0
    while (!signal.aborted) {
      const began = performance.now()
      try {
        await this.#live(runtime, { remote, onUp: up.resolve })
      } catch (error) {
        up.reject(error)
        if (signal.aborted) return
        this.#options.onStartFailed(error as Error, runtime.id)
      }
      failures = performance.now() - began >= STABLE_MS ? 0 : failures + 1
      await delay(backoffMs(failures - 1, RESTART_BACKOFF), undefined, { signal }).catch(() => {})
    }
  }

  /** One life of a runtime. Rejects if it does not come up. */
  async #live(runtime: Runtime, { remote, yields = false, onUp }: LifeOptions): Promise<void> {
    using launched: Launched & Disposable = remote
      ? { address: remote, token: this.#options.config.token, process: null, [Symbol.dispose]: () => {} }
      : await this.#processes.take(runtime.id, { yields, isAlone: runtime.tenant !== null })
    const { signal } = this.#stop
    if (signal.aborted) throw new Error('the platform stops')
    const { reason, detail, apps } = await runtime.live(launched, {
      onUp: () => {
        launched.process?.yieldCores(this.#options.config.backgroundNice)
        onUp?.()
        this.#user?.runtimeUp()
      },
      onTrouble: () => this.#processes.armSpares(),
      onStuck: () => this.#onStuck(runtime),
      onOverreached: app => this.#user?.overreached(app),
      onVerdict: (verdict, cause) => {
        this.#processes.armYieldingSpares()
        this.#user?.judged(verdict, cause)
      },
    })
    if (signal.aborted || runtime.shuttingDown) return
    if (reason !== 'renewal') this.#processes.armSpares()
    runtimeRestartChannel.publish({ runtime: runtime.id, reason, detail, apps })
  }

  /** The others get away while there is time. */
  #onStuck(runtime: Runtime): void {
    this.#processes.armSpares()
    if (this.#shared.includes(runtime)) this.#user?.vacate(runtime)
  }
}

/** Reads `auto`, a number, or `H:P,…`. */
function parseRuntimes(text: string): { count: number; remotes: Address[] } {
  if (text === 'auto') return { count: Math.max(RUNTIMES_MIN, availableParallelism()), remotes: [] }
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= RUNTIMES_MAX) return { count, remotes: [] }
  const remotes = text.split(',').map(part => (part.includes(':') ? parseAddress(part.trim()) : null))
  if (remotes.every(remote => remote !== null)) return { count: remotes.length, remotes }
  throw new VitrineError(
    'CONFIG_INVALID',
    `--runtimes must be auto, a number from 1 to ${RUNTIMES_MAX} or addresses like 10.0.0.7:3090, not ${JSON.stringify(text)}`,
  )
}
