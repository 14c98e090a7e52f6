/**
 * Watches one connected runtime: pings it, and has it killed when it stays silent or grows past its ceiling. When
 * memory runs short it asks for fresh figures first, so that who is to blame can be ended in time.
 */
import type { RestartReason } from '../channels.ts'
import type { RuntimeClient } from '../runtime/client.ts'
import type { RuntimeStats } from '../runtime/messages.ts'
import { SHORT } from './memory.ts'
import type { ProcessStatus, Progress } from './process-status.ts'

export interface HeartbeatLimits {
  heartbeatMs: number
  /** Heartbeats missed in a row before the runtime is given up. */
  heartbeatMisses: number
  rssBytesMax: number
}

export interface HeartbeatOptions {
  limits: HeartbeatLimits
  /** What the system says of the process; null if it is not ours. */
  status: Pick<ProcessStatus, 'rssBytes' | 'progress'> | null
  onStats(stats: RuntimeStats): void
  /** The runtime is in trouble, and may have to be replaced soon. */
  onTrouble(): void
  onKill(reason: RestartReason, detail: string): void
}

/** WebAssembly memory can grow by gigabytes in a second, so memory is looked at more often than the pulse. */
const MEMORY_POLL_MS = 100

/**
 * A runtime that would run but gets less than this share of a core is silent because others have the cores: such beats
 * do not count as missed. Of all beats it may be silent for no more than this many times what it may miss.
 */
const STARVED_CORES = 0.1
const PATIENCE = 3

export class Heartbeat {
  readonly #client: Pick<RuntimeClient, 'ping'>
  readonly #options: HeartbeatOptions
  readonly #timers: NodeJS.Timeout[] = []
  #awaiting = false
  /** Beats that it has been silent for, and those of them that count. */
  #silent = 0
  #misses = 0
  /** As of the last beat that it missed. */
  #progress: Progress | null = null
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
      const { heartbeatMs, heartbeatMisses } = limits
      this.#silent++
      if (!this.#isStarved()) this.#misses++
      if (this.#misses >= heartbeatMisses || this.#silent >= PATIENCE * heartbeatMisses) {
        onKill('heartbeat', `silent for ${this.#silent * heartbeatMs} ms`)
      }
      return
    }
    this.#ask()
  }

  /** Whether it has hardly had a core since the beat before, which it missed as well. */
  #isStarved(): boolean {
    const { limits, status } = this.#options
    const before = this.#progress
    const now = status?.progress() ?? null
    this.#progress = now
    if (!before || !now) return false
    return now.isRunnable && now.cpuMs - before.cpuMs < STARVED_CORES * limits.heartbeatMs
  }

  #ask(): void {
    if (this.#awaiting) return
    this.#awaiting = true
    this.#client.ping().then(
      stats => {
        this.#awaiting = false
        this.#silent = 0
        this.#misses = 0
        this.#progress = null
        this.#options.onStats(stats)
        if (!this.#rssBytes()) this.#weigh(stats.rssBytes)
      },
      // The connection has closed, which is told elsewhere.
      () => {},
    )
  }

  #look(): void {
    const rssBytes = this.#rssBytes()
    if (rssBytes === 0) return
    this.#weigh(rssBytes)
    if (this.#short) this.#ask()
  }

  /** Resident memory as the system counts it; 0 if it is not known here. */
  #rssBytes(): number {
    return this.#options.status?.rssBytes() ?? 0
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
