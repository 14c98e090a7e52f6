/**
 * A server under test: a child process that writes its output to a file, with whatever it starts itself. None
 * outlives the benchmark, however that ends.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuMs, type Memory, memory, processTree } from './usage.ts'

const READY_MS_MAX = 30_000
const POLL_MS = 2
const STOP_MS_MAX = 10_000
const SETTLE_STEPS_MAX = 10
const SETTLE_STEP_MS = 1000
const SETTLED_BYTES = 2 ** 20

const running = new Set<ServerProcess>()
const directories = new Set<string>()
process.on('exit', () => {
  for (const server of running) server.killAll()
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(signal, () => process.exit(code))

export class ServerProcess implements AsyncDisposable {
  /** A directory of its own, which goes with it. */
  readonly directory: string
  /** The file that holds its output. */
  readonly log: string
  readonly #child: ChildProcess
  readonly #startedAt = performance.now()

  /** Starts a program in `directory`, a new one by default, with an empty environment but for PATH and `env`. */
  constructor(
    program: string,
    args: readonly string[],
    { directory = temporaryDirectory(), env = {} }: { directory?: string; env?: Record<string, string> } = {},
  ) {
    this.directory = directory
    this.log = join(directory, 'output.log')
    const log = openSync(this.log, 'a')
    const { PATH } = process.env
    this.#child = spawn(program, args, {
      cwd: directory,
      env: { PATH, ...env },
      stdio: ['ignore', log, log],
    })
    this.#child.on('error', () => {})
    closeSync(log)
    running.add(this)
  }

  /** Resolves to what `find` finds in the output, and how long that took; rejects if it does not in time. */
  async ready<Found>(find: (output: string) => Found | null): Promise<{ found: Found; ms: number }> {
    for (;;) {
      const output = readFileSync(this.log, 'utf8')
      const found = find(output)
      const ms = performance.now() - this.#startedAt
      if (found !== null) return { found, ms }
      if (this.#hasEnded || ms > READY_MS_MAX) {
        throw new Error(`${this.#child.spawnargs.join(' ')} does not start:\n${output}`)
      }
      await delay(POLL_MS)
    }
  }

  /** CPU time of it and its children so far, in ms. */
  cpuMs(): number {
    return cpuMs(this.pids)
  }

  /** Memory of it and its children. */
  memory(): Memory {
    return memory(this.pids)
  }

  /** The same for each process: itself, then its children by age. */
  memoryOfEach(): Memory[] {
    return this.pids.map(pid => memory([pid]))
  }

  /** Resolves once memory has stopped changing, or has had ten seconds for it. */
  async settle(): Promise<void> {
    let before = this.memory().rssBytes
    for (let step = 0; step < SETTLE_STEPS_MAX; step++) {
      await delay(SETTLE_STEP_MS)
      const now = this.memory().rssBytes
      if (step > 0 && Math.abs(now - before) < SETTLED_BYTES) return
      before = now
    }
  }

  /** What it has written since its start, or since the log was emptied. */
  output(): string {
    return readFileSync(this.log, 'utf8')
  }

  /** Access lines of a few million requests would fill a disk. */
  emptyLog(): void {
    truncateSync(this.log)
  }

  /** Of it and its children, itself first. */
  get pids(): number[] {
    return this.#child.pid === undefined ? [] : processTree(this.#child.pid)
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined
  }

  killAll(): void {
    if (!this.#hasEnded) kill(this.pids)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) {
      const { pids } = this
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      const timer = setTimeout(() => this.killAll(), STOP_MS_MAX)
      await ended
      clearTimeout(timer)
      // Children of one that did not see to them.
      kill(pids.slice(1))
    }
    running.delete(this)
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // A child may end with its parent, before its turn.
    }
  }
}

/** A directory that is removed when the benchmark ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-bench-'))
  directories.add(directory)
  return directory
}
