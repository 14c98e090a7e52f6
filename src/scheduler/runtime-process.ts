/**
 * A runtime as a child process: started with an empty environment, listening on a unix socket that only this user
 * reaches, gone when we are gone.
 */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Launcher } from './launcher.ts'
import type { Exit, LaunchSettings, Yielding } from './launcher-thread.ts'
import { ProcessStatus } from './process-status.ts'

export interface StartOptions {
  launcher: Launcher
  /** Where its socket is to be. */
  directory: string
  settings: Omit<LaunchSettings, 'listen' | 'token'>
  yielding: Yielding
  /** Ends a start that takes long. */
  signal?: AbortSignal
  onLine: LineListener
}

/** A line that a runtime process wrote; `runtime` is what it serves as. */
export type LineListener = (line: string, stream: 'stdout' | 'stderr', runtime: string) => void

/** A process that does not listen after this long will not. */
const START_MS_MAX = 20_000

/** How long a process may take to leave by itself. */
const LEAVE_MS_MAX = 500

/** What it says last, when it does not come up. */
const LAST_LINES = 5

export class RuntimeProcess implements AsyncDisposable {
  readonly pid: number
  readonly address: { path: string }
  readonly token: string
  readonly status: ProcessStatus
  /** The id of the runtime that it serves as. */
  runtime = 'spare'
  /** Resolves when the process has ended, however that came about. */
  readonly exited: Promise<Exit>
  readonly #launcher: Launcher
  readonly #onLine: LineListener
  /** Resolves when it listens. */
  readonly #ready = Promise.withResolvers<void>()
  #isReady = false
  #hasExited = false
  readonly #lastLines: string[] = []

  private constructor(
    pid: number,
    { launcher, onLine, address, token }: StartOptions & Pick<RuntimeProcess, 'address' | 'token'>,
  ) {
    this.pid = pid
    this.status = new ProcessStatus(pid)
    this.address = address
    this.token = token
    this.#launcher = launcher
    this.#onLine = onLine
    this.exited = this.#follow()
  }

  /** Resolves when it listens; rejects, with the process gone, if it does not come to that. */
  static async start(options: StartOptions): Promise<RuntimeProcess> {
    const { launcher, directory, settings, yielding, signal } = options
    const address = { path: join(directory, `${randomBytes(6).toString('hex')}.sock`) }
    const token = randomBytes(24).toString('base64url')
    const pid = await launcher.start({ ...settings, listen: address, token }, yielding)
    const runtime = new RuntimeProcess(pid, { ...options, address, token })
    try {
      await runtime.#listens(signal)
      return runtime
    } catch (error) {
      await runtime[Symbol.asyncDispose]()
      throw error
    }
  }

  async #listens(signal?: AbortSignal): Promise<void> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error('it did not listen in time')), START_MS_MAX)
    const stop = () => late.reject(new Error('the platform stops'))
    signal?.addEventListener('abort', stop)
    if (signal?.aborted) stop()
    const ended = this.exited.then(({ code, signal }) => {
      throw new Error([`it ended with ${signal ?? `exit code ${code}`}`, ...this.#lastLines].join('\n'))
    })
    try {
      await Promise.race([this.#ready.promise, late.promise, ended])
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      ended.catch(() => {})
    }
  }

  /** Hears what is new of it until it has ended. */
  async #follow(): Promise<Exit> {
    for (;;) {
      const { lines, exit } = await this.#launcher.news(this.pid)
      for (const { text, stream } of lines) this.#take(text, stream)
      if (!exit) continue
      this.#hasExited = true
      this.status.end()
      return exit
    }
  }

  #take(line: string, stream: 'stdout' | 'stderr'): void {
    if (stream === 'stdout' && !this.#isReady && isReady(line)) {
      this.#isReady = true
      return this.#ready.resolve()
    }
    if (stream === 'stderr' && this.#lastLines.push(line) > LAST_LINES) this.#lastLines.shift()
    this.#onLine(line, stream, this.runtime)
  }

  kill(): void {
    if (!this.#hasExited) this.#launcher.kill(this.pid)
  }

  /**
   * Lowers what is to yield to others: all of the process by `nice`, or else those of its threads that run apps by less.
   * To be called again and again (niceness.ts).
   */
  yieldCores(nice: number): void {
    if (!this.#hasExited) this.#launcher.yieldCores(this.pid, nice)
  }

  /** Waits for its end, whose other signs are there; if it lives on for longer than that it is killed. */
  async ended(lagMsMax: number): Promise<Exit & { late: boolean }> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.kill()
    }, lagMsMax)
    const exit = await this.exited
    clearTimeout(timer)
    return { ...exit, late }
  }

  /** Asks the process to leave; kills it if it does not. Resolves when it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    void this.#launcher.dismiss(this.pid)
    const timer = setTimeout(() => this.kill(), LEAVE_MS_MAX)
    await this.exited
    clearTimeout(timer)
    await rm(this.address.path, { force: true })
  }
}

function isReady(line: string): boolean {
  try {
    return (JSON.parse(line) as { ready?: unknown } | null)?.ready === true
  } catch {
    return false
  }
}
