/**
 * Watches one connected runtime: pings it, and has it killed when it stays silent or grows past its ceiling. When
 * memory runs short it asks for fresh figures first, so that who is to blame can be ended in time.
 */
import type { RestartReason } from '../channels.ts'
import type { RuntimeClient } from '../runtime/client.ts'
import type { RuntimeStats } from '../runtime/messages.ts'
import { SHORT } from './memory.ts'

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
  /** The runtime is in trouble, and may have to be replaced soon. */
  onTrouble(): void
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
  /** At the last look memory was short. */
  #short = false

  constructor(client: Pick<RuntimeClient, 'ping'>, options: HeartbeatOptions) {
    this.#client = client
    this.#options = options
  }

  start(): void {
    const { heartbeatMs } = this.#options.limits
    this.#beat()
    this.#timers.push(setInterval(() => this.#beat(), heartbeatMs))
    this.#timers.push(setInterval(() => this.#look(), MEMORY_POLL_MS))
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers.length = 0
  }

  #beat(): void {
    const { limits, onKill, onTrouble } = this.#options
    if (this.#awaiting) {
      onTrouble()
      if (++this.#misses >= limits.heartbeatMisses) {
        onKill('heartbeat', `silent for ${this.#misses * limits.heartbeatMs} ms`)
      }
      return
    }
    this.#ask()
  }

  #ask(): void {
    if (this.#awaiting) return
    this.#awaiting = true
    this.#client.ping().then(
      stats => {
        this.#awaiting = false
        this.#misses = 0
        this.#options.onStats(stats)
        if (this.#options.rssBytes() === 0) this.#weigh(stats.rssBytes)
      },
      // The connection has closed, which is told elsewhere.
      () => {},
    )
  }

  #look(): void {
    const rssBytes = this.#options.rssBytes()
    if (rssBytes === 0) return
    this.#weigh(rssBytes)
    if (this.#short) this.#ask()
  }

  #weigh(rssBytes: number): void {
    const { limits, onKill, onTrouble } = this.#options
    const wasShort = this.#short
    this.#short = rssBytes > SHORT * limits.rssBytesMax
    if (!this.#short) return
    onTrouble()
    // Whoever could be ended has been, since the last look.
    if (wasShort && rssBytes > limits.rssBytesMax) {
      onKill(
        'rss',
        `${Math.round(rssBytes / 2 ** 20)} MB resident, ${limits.rssBytesMax / 2 ** 20} MB allowed`,
      )
    }
  }
}
