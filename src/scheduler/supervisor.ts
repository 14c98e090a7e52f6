/**
 * Keeps runtimes alive: as many processes as asked for, or connections to remote ones. A runtime that dies is
 * replaced at once; one that keeps dying young is given time, twice as much at each turn.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { runtimeRestartChannel } from '../channels.ts'
import { type Address, type Config, parseAddress } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { backoffMs } from './backoff.ts'
import { place } from './placement.ts'
import { type Launched, type LifeEvents, Runtime, type RuntimeEnd } from './runtime.ts'
import { RuntimeProcess } from './runtime-process.ts'

export interface SupervisorOptions {
  config: SupervisorConfig
  /** Hears the lines that runtime processes write, and what keeps a runtime from coming up. */
  log(line: string, context: { runtime: string; stream: 'stdout' | 'stderr' | 'supervisor' }): void
}

export type SupervisorConfig = Pick<
  Config,
  | 'runtimes'
  | 'token'
  | 'prewarm'
  | 'killGraceMs'
  | 'memoryMb'
  | 'subrequestTimeoutMs'
  | 'egressAllow'
  | 'heartbeatMs'
  | 'heartbeatMisses'
  | 'runtimeRssMb'
>

/** Who uses the runtimes. */
export interface RuntimeUser {
  runtimeUp(runtime: Runtime): void
  /** A runtime has died, and one of these apps may have brought it down. */
  suspected(apps: ReadonlySet<string>): void
}

const RUNTIMES_MIN = 2
const RUNTIMES_MAX = 256

/** A runtime that lived this long did not die of being started. */
const STABLE_MS = 1000

const RESTART_BACKOFF = { firstMs: 100, maxMs: 5000 }

export class Supervisor implements AsyncDisposable {
  readonly #options: SupervisorOptions
  readonly #remotes: Address[]
  readonly #stop = new AbortController()
  readonly #keepers: Promise<void>[] = []
  readonly #processes = new Set<RuntimeProcess>()
  #directory: string | null = null
  readonly runtimes: readonly Runtime[]

  /** Throws CONFIG_INVALID if `config.runtimes` says nothing sensible. */
  constructor(options: SupervisorOptions) {
    this.#options = options
    const { config } = options
    const wanted = parseRuntimes(config.runtimes)
    this.#remotes = wanted.remotes
    const limits = {
      heartbeatMs: config.heartbeatMs,
      heartbeatMisses: config.heartbeatMisses,
      rssBytesMax: config.runtimeRssMb * 2 ** 20,
    }
    this.runtimes = Array.from({ length: wanted.count }, (_, index) => new Runtime(`r${index}`, limits))
  }

  /** Resolves when the first runtime is up; the others follow. Rejects if none comes up at the first attempt. */
  async start(user: RuntimeUser): Promise<void> {
    // The path of a socket may not be longer than 107 bytes: no room for a deep directory.
    if (this.#remotes.length === 0) this.#directory = await mkdtemp(join(shortTmpdir(), 'vitrine-'))
    const first = this.runtimes.map((runtime, index) => {
      const up = Promise.withResolvers<void>()
      this.#keepers.push(this.#keep(runtime, { user, remote: this.#remotes[index], up }))
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

  /** The best runtime for one more instance of the app; null if none is up. */
  place(app: string, isSuspect: (app: string) => boolean): Runtime | null {
    const rssBytesMax = this.#options.config.runtimeRssMb * 2 ** 20
    const loads = this.runtimes.map(({ up, busy, instances, stats }) => {
      let siblings = 0
      let suspects = 0
      for (const { owner } of instances.values()) {
        if (owner.name === app) siblings++
        else if (isSuspect(owner.name)) suspects++
      }
      const strangers = instances.size - siblings
      const memory = (stats?.rssBytes ?? 0) / rssBytesMax
      return { up, busy, siblings, strangers, suspects, instances: instances.size, memory }
    })
    return this.runtimes[place(loads, { isSuspect: isSuspect(app) })] ?? null
  }

  /** Ends every runtime. What is still in flight there fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const runtime of this.runtimes) runtime.shutDown()
    await Promise.all([...this.#processes].map(process => process[Symbol.asyncDispose]()))
    await Promise.all(this.#keepers)
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true })
  }

  /** Starts one runtime again and again until the supervisor stops. */
  async #keep(
    runtime: Runtime,
    { user, remote, up }: { user: RuntimeUser; remote: Address | undefined; up: PromiseWithResolvers<void> },
  ): Promise<void> {
    const { signal } = this.#stop
    let failures = 0
    while (!signal.aborted) {
      const began = performance.now()
      try {
        const { reason, detail, apps } = await this.#live(runtime, remote, {
          onUp: () => {
            up.resolve()
            user.runtimeUp(runtime)
          },
          onSuspects: apps => user.suspected(apps),
        })
        if (signal.aborted) return
        runtimeRestartChannel.publish({ runtime: runtime.id, reason, detail, apps })
      } catch (error) {
        up.reject(error)
        if (signal.aborted) return
        this.#options.log(`does not start: ${(error as Error).message}`, {
          runtime: runtime.id,
          stream: 'supervisor',
        })
      }
      failures = performance.now() - began >= STABLE_MS ? 0 : failures + 1
      await delay(backoffMs(failures - 1, RESTART_BACKOFF), undefined, { signal }).catch(() => {})
    }
  }

  /** One life of a runtime. */
  async #live(runtime: Runtime, remote: Address | undefined, told: LifeEvents): Promise<RuntimeEnd> {
    if (remote) {
      const launched: Launched = { address: remote, token: this.#options.config.token, process: null }
      return await runtime.live(launched, told)
    }
    const { prewarm, killGraceMs, memoryMb, subrequestTimeoutMs, egressAllow } = this.#options.config
    const process = await RuntimeProcess.start(this.#directory!, {
      settings: { prewarm, killGraceMs, memoryMb, subrequestTimeoutMs, egressAllow },
      onLine: (line, stream) => this.#options.log(line, { runtime: runtime.id, stream }),
    })
    this.#processes.add(process)
    try {
      if (this.#stop.signal.aborted) throw new Error('the platform stops')
      return await runtime.live({ address: process.address, token: process.token, process }, told)
    } finally {
      await process[Symbol.asyncDispose]()
      this.#processes.delete(process)
    }
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

/** TMPDIR, unless it is so deep that a socket would not fit. */
function shortTmpdir(): string {
  return tmpdir().length <= 60 ? tmpdir() : '/tmp'
}
