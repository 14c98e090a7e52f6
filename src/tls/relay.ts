/**
 * The relay that makes TLS connections for the runtimes of this machine, in a process of its own: a handshake cannot be cut
 * short, and its cost is the server's choice. The first thread of a runtime, where everybody's requests pass, is not to
 * wait for it; and what OpenSSL reads there nobody else's memory is in danger of. It starts when the first runtime knocks
 * at the door; many platforms never need it.
 */
import { Door, type DoorAddress } from '../door.ts'
import { NoAnswer, Thread } from '../thread.ts'
import type { TlsLauncherCall, TlsNews } from './launcher-thread.ts'
import type { TlsProcessSettings } from './process.ts'
import type { TlsProcessStatus } from './status.ts'

/** Who knocks meanwhile waits with others. */
const CALLS_MAX = 1000

export interface TlsRelayOptions extends Pick<TlsProcessSettings, 'nice'> {
  /** A process has ended, and another is started; `how` is what ended it. */
  onEnded(how: string): void
}

/** As of its last sign of life, a moment ago; nothing while no process runs. */
export interface TlsRelayStats extends TlsProcessStatus {
  /** Processes that have ended. */
  restarts: number
}

const NONE: TlsProcessStatus = { rssBytes: 0, connections: 0, refused: 0 }

export class TlsRelay implements AsyncDisposable {
  readonly address: DoorAddress
  readonly #door: Door
  readonly #thread: Thread<TlsLauncherCall, TlsNews | null>
  readonly #onEnded: TlsRelayOptions['onEnded']
  #watched = false
  #status = NONE
  /** By processes that have ended. */
  #refused = 0
  #restarts = 0

  private constructor(door: Door, { nice, onEnded }: TlsRelayOptions) {
    this.#door = door
    this.address = door.address
    this.#onEnded = onEnded
    const data: TlsProcessSettings = { path: this.address.path, token: this.address.token, nice }
    this.#thread = new Thread({
      script: new URL('./launcher-thread.ts', import.meta.url),
      name: 'tls',
      data,
      pendingMax: CALLS_MAX,
    })
    door.onKnock = () => this.#listens()
  }

  /** Resolves when runtimes may knock. `nice`: by how much it yields to those that carry requests. */
  static async open(options: TlsRelayOptions): Promise<TlsRelay> {
    return new TlsRelay(await Door.open(), options)
  }

  get stats(): TlsRelayStats {
    const { refused, ...status } = this.#status
    return { ...status, refused: this.#refused + refused, restarts: this.#restarts }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#door.close()
    await this.#thread[Symbol.asyncDispose]()
    await this.#door[Symbol.asyncDispose]()
  }

  async #listens(): Promise<void> {
    // Should the thread have died, whoever knocked finds nobody, and knocks again.
    const listens = this.#thread.call('listen').catch(() => {})
    if (!this.#watched) void this.#watch()
    await listens
  }

  /** Takes in how processes are, and tells how they end, for as long as the thread lives. */
  async #watch(): Promise<void> {
    this.#watched = true
    try {
      for (;;) this.#heard((await this.#thread.callIfRunning('news'))!)
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      this.#watched = false
      this.#status = NONE
    }
  }

  #heard(news: TlsNews): void {
    if ('status' in news) {
      this.#status = news.status
      return
    }
    this.#restarts++
    this.#refused += this.#status.refused
    this.#status = NONE
    this.#onEnded(news.ended)
  }
}
