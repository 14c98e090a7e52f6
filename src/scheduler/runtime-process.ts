/**
 * A runtime as a child process: started with an empty environment, listening on a unix socket that only this user
 * reaches, gone when we are gone.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { compileCache, compileCacheEnv } from '../compile-cache.ts'
import { runtimeFlags } from '../runtime/flags.ts'
import { loadPrelude, type Prelude } from '../runtime/prelude.ts'
import { type RuntimeSettings as ProcessSettings, writeSettings } from '../runtime/settings.ts'

/** What a runtime is told, besides where to listen and whom to trust. */
export type RuntimeSettings = Omit<ProcessSettings, 'listen' | 'token' | 'prelude'>

export interface StartOptions {
  settings: RuntimeSettings
  /** Whether it is to yield its cores to others: it has a session of its own then (niceness.ts). */
  yields: boolean
}

/** A line that a runtime process wrote; `runtime` is what it serves as. */
export type LineListener = (line: string, stream: 'stdout' | 'stderr', runtime: string) => void

export interface Exit {
  code: number | null
  signal: string | null
}

const PROGRAM = fileURLToPath(new URL('../runtime/process.ts', import.meta.url))

/** A process that does not listen after this long will not. */
const START_MS_MAX = 20_000

/** How long a process may take to leave by itself. */
const LEAVE_MS_MAX = 500

const LINE_CHARS_MAX = 8192

/** What the system says of a process: its memory stands behind its user's groups, of which there may be thousands. */
const STATUS = Buffer.allocUnsafeSlow(65_536)

export class RuntimeProcess implements AsyncDisposable {
  readonly address: { path: string }
  readonly token = randomBytes(24).toString('base64url')
  /** The id of the runtime that it serves as. */
  runtime = 'spare'
  /** Resolves when the process has ended, however that came about. */
  readonly exited: Promise<Exit>
  /** What the system says of the process, open: it is read 20 times a second. */
  #status: number | null = null
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>

  private constructor(directory: string, { settings, yields, prelude }: StartOptions & { prelude: Prelude }) {
    this.address = { path: join(directory, `${randomBytes(6).toString('hex')}.sock`) }
    // In our session a terminal's Ctrl-C reaches the process, too, which leaves it to us.
    this.#child = spawn(process.execPath, [...runtimeFlags(compileCache()), PROGRAM], {
      env: compileCacheEnv(),
      stdio: 'pipe',
      detached: yields,
    })
    // Writing to a process that has just died is no error of ours.
    this.#child.stdin.on('error', () => {})
    const { address: listen, token } = this
    writeSettings(this.#child.stdin, { ...settings, listen, token, prelude })
    this.exited = new Promise(resolve => {
      this.#child.once('error', error => resolve({ code: null, signal: error.message }))
      this.#child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    void this.exited.then(() => {
      if (this.#status !== null) closeSync(this.#status)
      this.#status = null
    })
  }

  /** Resolves when it listens; rejects, with the process gone, if it does not come to that. */
  static async start(
    directory: string,
    { onLine, ...options }: StartOptions & { onLine: LineListener },
  ): Promise<RuntimeProcess> {
    const runtime = new RuntimeProcess(directory, { ...options, prelude: await loadPrelude() })
    const lastLines: string[] = []
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('it did not listen in time')), START_MS_MAX)
        let ready = false
        readLines(runtime.#child.stdout, line => {
          if (ready || !isReady(line)) return onLine(line, 'stdout', runtime.runtime)
          ready = true
          clearTimeout(timer)
          resolve()
        })
        readLines(runtime.#child.stderr, line => {
          if (lastLines.push(line) > 5) lastLines.shift()
          onLine(line, 'stderr', runtime.runtime)
        })
        runtime.exited.then(({ code, signal }) => {
          clearTimeout(timer)
          reject(new Error([`it ended with ${signal ?? `exit code ${code}`}`, ...lastLines].join('\n')))
        })
      })
    } catch (error) {
      await runtime[Symbol.asyncDispose]()
      throw error
    }
    return runtime
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Resident memory as the system counts it; 0 where it does not tell. */
  rssBytes(): number {
    try {
      this.#status ??= openSync(`/proc/${this.pid}/status`, 'r')
      const text = STATUS.latin1Slice(0, readSync(this.#status, STATUS, 0, STATUS.length, 0))
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024
    } catch {
      return 0
    }
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
    this.#child.stdin.end()
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

/** Calls back for each line; what is longer than the bound is cut off. */
function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!.slice(0, LINE_CHARS_MAX)
    for (const line of lines) if (line !== '') onLine(line.slice(0, LINE_CHARS_MAX))
  })
  stream.on('end', () => {
    if (rest !== '') onLine(rest)
  })
}
