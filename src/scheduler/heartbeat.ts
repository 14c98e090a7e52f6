/** Watches one connected runtime: pings it, and has it killed when it stays silent or grows past its ceiling. */
import type { RestartReason } from '../channels.ts'
import type { RuntimeClient } from '../runtime/client.ts'
import type { RuntimeStats } from '../runtime/messages.ts'

export interface HeartbeatLimits {
  heartbeatMs: number
  /** Heartbeats missed in a row before the runtime is given up. */
  heartbeatMisses: number
  rssBytesMax: number
}

export interface HeartbeatOptions {
  limits: HeartbeatLimits
  /** Resident memory as the system counts it; 0 if it is not known here. */
  rssBytes(): number
  onStats(stats: RuntimeStats): void
  onKill(reason: RestartReason, detail: string): void
}

/** WebAssembly memory can grow by gigabytes in a second, so memory is looked at more often than the pulse. */
const MEMORY_POLL_MS = 100

export class Heartbeat {
  readonly #client: Pick<RuntimeClient, 'ping'>
  readonly #options: HeartbeatOptions
  readonly #timers: NodeJS.Timeout[] = []
  #awaiting = false
  #misses = 0

  constructor(client: Pick<RuntimeClient, 'ping'>, options: HeartbeatOptions) {
    this.#client = client
    this.#options = options
  }

  start(): void {
    const { heartbeatMs } = this.#options.limits
    this.#beat()
    this.#timers.push(setInterval(() => this.#beat(), heartbeatMs))
    this.#timers.push(setInterval(() => this.#weigh(this.#options.rssBytes()), MEMORY_POLL_MS))
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers.length = 0
  }

  #beat(): void {
    const { limits, onKill, onStats } = this.#options
    if (this.#awaiting) {
      if (++this.#misses >= limits.heartbeatMisses) {
        onKill('heartbeat', `silent for ${this.#misses * limits.heartbeatMs} ms`)
      }
      return
    }
    this.#awaiting = true
    this.#client.ping().then(
      stats => {
        this.#awaiting = false
        this.#misses = 0
        onStats(stats)
        this.#weigh(stats.rssBytes)
      },
      // The connection has closed, which is told elsewhere.
      () => {},
    )
  }

  #weigh(rssBytes: number): void {
    const { limits, onKill } = this.#options
    if (rssBytes > limits.rssBytesMax) {
      onKill(
        'rss',
        `${Math.round(rssBytes / 2 ** 20)} MB resident, ${limits.rssBytesMax / 2 ** 20} MB allowed`,
      )
    }
  }
}
