/**
 * The runtime processes that are started here: warm ones that wait for their use, those in use, and those that are on
 * their way out.
 */
import { rm } from 'node:fs/promises'
import type { Config } from '../config.ts'
import type { DoorAddress } from '../door.ts'
import { type ConfiguredSettings, configuredSettings } from '../runtime/settings.ts'
import { openSocketDirectory } from '../socket-directory.ts'
import { Launcher } from './launcher.ts'
import type { Yielding } from './launcher-thread.ts'
import type { Launched } from './runtime.ts'
import { type LineListener, RuntimeProcess } from './runtime-process.ts'
import { Spares } from './spares.ts'

export interface ProcessesOptions {
  config: ProcessesConfig
  /** Whether any are started; otherwise no spares are kept. */
  isLocal: boolean
  /** What starts processes; ended with these. Default: a launcher of its own. */
  launcher?: Launcher | undefined
  /** Where their apps have their caches. Default: they keep nothing. */
  cache?: DoorAddress | undefined
  /** Who makes their TLS connections. Default: nobody. */
  tls?: DoorAddress | undefined
  /** Ends starts that are under way. */
  signal: AbortSignal
  /** A process has written a line. */
  onLine: LineListener
  /** A spare does not come up; it is tried again. */
  onStartFailed(error: Error, runtime: string): void
}

export type ProcessesConfig = ConfiguredSettings &
  Pick<Config, 'spareRuntimes' | 'solitaryRuntimes' | 'backgroundNice'>

/** Spares wait for so long after the last trouble: a runtime's, or an app's that is held to blame. */
const SPARE_MS = { shared: 600_000, yielding: 60_000 }

export class Processes implements AsyncDisposable {
  readonly #options: ProcessesOptions
  readonly #launcher: Launcher
  readonly #used = new Set<RuntimeProcess>()
  readonly #spares: Spares
  /** Those whose sessions yield, from their start. */
  readonly #yieldingSpares: Spares
  #directory: string | null = null

  constructor(options: ProcessesOptions) {
    this.#options = options
    this.#launcher = options.launcher ?? new Launcher()
    const { config, isLocal, onStartFailed } = options
    const count = isLocal ? config.spareRuntimes : 0
    this.#spares = new Spares({
      count,
      quietMs: SPARE_MS.shared,
      launch: () => this.#launch({ yields: false, startNice: 0 }),
      onStartFailed,
    })
    this.#yieldingSpares = new Spares({
      count: config.solitaryRuntimes > 0 ? Math.min(count, 1) : 0,
      quietMs: SPARE_MS.yielding,
      launch: () => this.#launch({ yields: true, startNice: config.backgroundNice }),
      onStartFailed,
    })
  }

  /** To be called before the first is taken. */
  async open(): Promise<void> {
    this.#directory = await openSocketDirectory()
  }

  /** Warm ones that wait for a runtime to die. */
  get spares(): number {
    return this.#spares.size + this.#yieldingSpares.size
  }

  /** Resident memory of those that wait. */
  get spareBytes(): number {
    return this.#spares.rssBytes + this.#yieldingSpares.rssBytes
  }

  /** A runtime is in trouble: a warm process is kept for the next. */
  armSpares(): void {
    this.#spares.arm()
  }

  /** As `armSpares`, for an app that is to be alone. */
  armYieldingSpares(): void {
    this.#yieldingSpares.arm()
  }

  /**
   * A process for the runtime `id` to live in, on its way out at the end. `yields`: to others, in a session of its own;
   * `isAlone`: as one app's, whose doing that is. It waits at its own cost, while those that it has harmed start
   * elsewhere. Rejects if none comes up.
   */
  async take(
    id: string,
    { yields, isAlone }: { yields: boolean; isAlone: boolean },
  ): Promise<Launched & Disposable> {
    const startNice = isAlone ? this.#options.config.backgroundNice : 0
    // A spare is in our session, and cannot leave it.
    const process = yields
      ? (this.#yieldingSpares.takeWarm() ?? (await this.#launch({ yields, startNice })))
      : await this.#spares.take()
    process.runtime = id
    this.#used.add(process)
    return {
      address: process.address,
      token: process.token,
      process,
      [Symbol.dispose]: () => void this.#seeOut(process),
    }
  }

  /** Has those in use yield what they are to: to be called again and again (niceness.ts). */
  yieldCores(): void {
    for (const process of this.#used) process.yieldCores(this.#options.config.backgroundNice)
  }

  /** Ends all that wait or are in use. Resolves when none is left; what is under way ends by the signal. */
  async end(): Promise<void> {
    const spares = [this.#spares, this.#yieldingSpares]
    await Promise.all([...spares, ...this.#used].map(one => one[Symbol.asyncDispose]()))
  }

  /** To be called when nobody takes one any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
    await this.#launcher[Symbol.asyncDispose]()
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true })
  }

  /** Nobody waits for that: where all cores are taken it has been half a second until one that was killed had gone. */
  async #seeOut(process: RuntimeProcess): Promise<void> {
    // The file of its socket may stay; the directory goes with the platform.
    await process[Symbol.asyncDispose]().catch(() => {})
    this.#used.delete(process)
  }

  #launch(yielding: Yielding): Promise<RuntimeProcess> {
    const { config, cache = null, tls = null, onLine, signal } = this.#options
    return RuntimeProcess.start({
      launcher: this.#launcher,
      directory: this.#directory!,
      yielding,
      signal,
      settings: { ...configuredSettings(config), cache, tls },
      onLine,
    })
  }
}
