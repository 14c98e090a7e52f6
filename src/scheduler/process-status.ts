/** What the system says of another process, where it does (Linux, proc(5)). */
import { closeSync, openSync, readSync } from 'node:fs'
import { processStat } from '../process-stat.ts'

/** How a process got on. */
export interface Progress {
  /** CPU time that all its threads have used so far. */
  cpuMs: number
  /** Its first thread runs, or would if it had a core. */
  isRunnable: boolean
}

/** The unit of times there: USER_HZ, 100 on every architecture that Node runs on. */
const TICK_MS = 10

/** A process' memory stands behind its user's groups, of which there may be thousands. */
const STATUS = Buffer.allocUnsafeSlow(65_536)

export class ProcessStatus {
  readonly #pid: number
  /** Open: it is read 20 times a second. */
  #status: number | null = null
  #hasEnded = false

  constructor(pid: number) {
    this.#pid = pid
  }

  /** Resident memory; 0 where the system does not tell. */
  rssBytes(): number {
    if (this.#hasEnded) return 0
    try {
      this.#status ??= openSync(`/proc/${this.#pid}/status`, 'r')
      const text = STATUS.latin1Slice(0, readSync(this.#status, STATUS, 0, STATUS.length, 0))
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024
    } catch {
      return 0
    }
  }

  /** Null where the system does not tell. */
  progress(): Progress | null {
    if (this.#hasEnded) return null
    try {
      const fields = processStat(this.#pid)
      // The 14th and 15th: in the program, and in the kernel for it.
      const ticks = Number(fields[11]) + Number(fields[12])
      return { isRunnable: fields[0] === 'R', cpuMs: ticks * TICK_MS }
    } catch {
      return null
    }
  }

  /** The process has ended: another may have its number from now on. */
  end(): void {
    this.#hasEnded = true
    if (this.#status !== null) closeSync(this.#status)
    this.#status = null
  }
}
