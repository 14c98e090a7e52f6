/**
 * What each app has done to its neighbours, and where it may run for that: alone if it is held to have brought a
 * runtime down (quarantine.ts), among busy apps if it takes much (busy-apps.ts), else wherever there is room.
 */
import { quarantineChannel, type ReleaseReason, type RestartReason } from '../channels.ts'
import type { Verdict } from './blame.ts'
import { type AppUsage, BusyApps } from './busy-apps.ts'
import type { InstancePool } from './instance-pool.ts'
import { Quarantine, type QuarantineInfo, type QuarantineOptions } from './quarantine.ts'
import type { Runtime } from './runtime.ts'
import type { Supervisor } from './supervisor.ts'

export interface ConductOptions extends QuarantineOptions {
  supervisor: Pick<Supervisor, 'place' | 'isForbidden'>
  /** An app with a longer bundle starts in the background, if it has neighbours, and stays there. */
  backgroundBundleBytes: number
  /** The app's current pool, if it is loaded. */
  pool(app: string): InstancePool | undefined
}

export class Conduct {
  readonly #options: ConductOptions
  readonly #quarantine: Quarantine
  readonly #busy: BusyApps
  /** Apps that were busy at the last beat. */
  #inBackground: string[] = []

  constructor(options: ConductOptions) {
    this.#options = options
    this.#quarantine = new Quarantine(options)
    this.#busy = new BusyApps(options)
  }

  /** How many apps are busy. */
  get inBackground(): number {
    return this.#inBackground.length
  }

  /** All that is held against anybody. */
  quarantined(): QuarantineInfo[] {
    return this.#quarantine.list()
  }

  /** The best runtime for one more instance of the app, with a bundle of that length; null if there is none now. */
  place(app: string, bundleBytes: number): Runtime | null {
    return this.#options.supervisor.place(app, {
      standing: name => this.#quarantine.standing(name),
      isBusy: this.#busy.has(app) || (this.#isLong(bundleBytes) && this.#busy.hasNeighbour(app)),
    })
  }

  /** How long the app may not start yet. */
  pausedMs(app: string): number {
    return this.#quarantine.pauseMs(app)
  }

  /** Apps that run there are to go elsewhere. */
  vacate(runtime: Runtime): void {
    for (const app of new Set(Array.from(runtime.instances.values(), ({ owner }) => owner.name)))
      this.#separate(app)
  }

  /** A version of the app is tried out. */
  tried(app: string): void {
    this.#busy.tried(app)
  }

  /** An instance of the app had to be ended for what it used. */
  overreached(app: string): void {
    this.#busy.overreached(app)
  }

  /** A runtime has died of this. */
  judged(verdict: Verdict, reason: RestartReason): void {
    this.#quarantine.hold(verdict, reason)
    for (const app of verdict.apps) {
      const { state: change, deaths, pauseMs } = this.#quarantine.info(app)!
      quarantineChannel.publish({ app, change, reason, deaths, pauseMs })
      this.#separate(app)
    }
  }

  /** Lets an app out of quarantine by hand; false if it is in none. */
  release(app: string): boolean {
    const held = this.#quarantine.release(app)
    if (held) this.#released(held, 'by_hand')
    return held !== null
  }

  /** Another version of the app is deployed. */
  pardon(app: string): void {
    const held = this.#quarantine.pardon(app)
    if (held) this.#released(held, 'deploy')
  }

  /** Housekeeping, once per heartbeat, with what each loaded app has used since the last. */
  beat(used: Iterable<AppUsage>): void {
    for (const held of this.#quarantine.releaseDue()) this.#released(held, 'good_conduct')
    for (const { app } of this.#quarantine.list()) this.#separate(app)
    this.#beatBusy(used)
  }

  /** Has busy apps go to the background once that is there, and those that have calmed down come back. */
  #beatBusy(used: Iterable<AppUsage>): void {
    const before = this.#inBackground
    this.#inBackground = this.#busy.beat(used)
    for (const app of this.#inBackground) this.place(app, 0)
    for (const app of new Set([...before, ...this.#inBackground])) this.#separate(app)
  }

  #released({ app, deaths }: QuarantineInfo, reason: ReleaseReason): void {
    const isKeptApart = this.#quarantine.standing(app) !== 'good'
    quarantineChannel.publish({ app, change: 'released', reason, deaths, isKeptApart })
    this.#separate(app)
  }

  /** Has the app leave runtimes where it may not be, as things stand. */
  #separate(app: string): void {
    const { pool, supervisor } = this.#options
    const isLong = this.#isLong(pool(app)?.bundle.bytes ?? 0)
    const conduct = { app, standing: this.#quarantine.standing(app), isBusy: this.#busy.has(app), isLong }
    const isGood = conduct.standing === 'good'
    // Nobody's WebSocket is closed because its app is merely busy; but its neighbours wait for it until it has left.
    const how = { atOnce: !isGood || conduct.isBusy, closesWebSockets: !isGood }
    pool(app)?.leave(runtime => supervisor.isForbidden(runtime, conduct), how)
  }

  #isLong(bundleBytes: number): boolean {
    return bundleBytes > this.#options.backgroundBundleBytes
  }
}
