/** The thread that starts runtime processes, holds their pipes, lowers them, and tells what they write and how they end. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { compileCache, compileCacheEnv } from '../compile-cache.ts'
import { runtimeFlags } from '../runtime/flags.ts'
import { loadPrelude, type Prelude } from '../runtime/prelude.ts'
import { type RuntimeSettings, writeSettings } from '../runtime/settings.ts'
import { callerPort } from '../thread.ts'
import { Niceness } from './niceness.ts'

/** Whether a process yields its cores to others, in a session of its own (niceness.ts), and by how much while it starts. */
export interface Yielding {
  yields: boolean
  /** 0 where somebody waits for it. */
  startNice: number
}

/** What a runtime process is told; the sandbox's code is the same for all. */
export type LaunchSettings = Omit<RuntimeSettings, 'prelude'>

export type LaunchCall =
  | { call: 'start'; settings: LaunchSettings; yielding: Yielding }
  | { call: 'news'; pid: number }
  /** As `RuntimeProcess.yieldCores`. */
  | { call: 'yield'; pid: number; nice: number }
  | { call: 'dismiss'; pid: number }

export interface ProcessNews {
  lines: { text: string; stream: 'stdout' | 'stderr' }[]
  /** How it ended; null while it lives. */
  exit: Exit | null
}

/** `code`, or what killed it or kept it from starting. */
export interface Exit {
  code: number | null
  signal: string | null
}

export type LaunchReply = { pid: number } | { error: string } | ProcessNews | { done: true }

const PROGRAM = fileURLToPath(new URL('../runtime/process.ts', import.meta.url))

/** Until a session yields that is to do so from its start. Its turn comes soon (niceness.ts). */
const YIELD_RETRY_MS = 50
const YIELD_TRIES_MAX = 20

const LINE_CHARS_MAX = 8192
/** So many lines wait to be asked for; then the process waits. */
const LINES_MAX = 256

const port = callerPort()
const children = new Map<number, Child>()
let closing = false

port.on('message', (message: { id: number; request: LaunchCall } | 'close') => {
  if (message === 'close') {
    closing = true
    return closeWhenEmpty()
  }
  const { id, request } = message
  void answer(request).then(reply => port.postMessage({ id, reply }))
})

async function answer(request: LaunchCall): Promise<LaunchReply> {
  if (request.call === 'start') {
    try {
      return await start(request, await loadPrelude())
    } catch (error) {
      return { error: (error as Error).message }
    }
  }
  const child = children.get(request.pid)
  if (!child) return { error: 'it has ended' }
  if (request.call === 'news') return await child.news()
  if (request.call === 'yield') child.yieldCores(request.nice)
  else child.dismiss()
  return { done: true }
}

function start(
  { settings, yielding }: Extract<LaunchCall, { call: 'start' }>,
  prelude: Prelude,
): Promise<LaunchReply> {
  // In our session a terminal's Ctrl-C reaches the process, too, which leaves it to us.
  const started = spawn(process.execPath, [...runtimeFlags(compileCache()), PROGRAM], {
    env: compileCacheEnv(),
    stdio: 'pipe',
    detached: yielding.yields,
  })
  return new Promise(resolve => {
    started.once('error', error => resolve({ error: error.message }))
    started.once('spawn', () => {
      // Writing to a process that has just died is no error of ours.
      started.stdin.on('error', () => {})
      writeSettings(started.stdin, { ...settings, prelude })
      const pid = started.pid!
      children.set(pid, new Child(started, yielding))
      resolve({ pid })
    })
  })
}

class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #niceness: Niceness
  #lines: ProcessNews['lines'] = []
  #exit: Exit | null = null
  #asked: ((news: ProcessNews) => void) | null = null

  constructor(started: ChildProcessByStdio<Writable, Readable, Readable>, { yields, startNice }: Yielding) {
    this.#process = started
    this.#niceness = new Niceness(started.pid!, { yields })
    this.#yieldFromTheStart(startNice)
    this.#read('stdout')
    this.#read('stderr')
    started.once('close', (code, signal) => {
      this.#exit = { code, signal }
      this.#niceness[Symbol.dispose]()
      this.#tell()
    })
  }

  news(): Promise<ProcessNews> {
    return new Promise(resolve => {
      this.#asked = resolve
      if (this.#lines.length > 0 || this.#exit) this.#tell()
    })
  }

  yieldCores(nice: number): void {
    if (!this.#exit) this.#niceness.lower(nice)
  }

  #yieldFromTheStart(nice: number, tries = 1): void {
    if (this.#exit || this.#niceness.lower(nice) || tries === YIELD_TRIES_MAX) return
    setTimeout(() => this.#yieldFromTheStart(nice, tries + 1), YIELD_RETRY_MS).unref()
  }

  dismiss(): void {
    this.#process.stdin.end()
  }

  #tell(): void {
    if (!this.#asked) return
    const news = { lines: this.#lines, exit: this.#exit }
    this.#lines = []
    this.#asked(news)
    this.#asked = null
    this.#process.stdout.resume()
    this.#process.stderr.resume()
    if (!news.exit) return
    children.delete(this.#process.pid!)
    closeWhenEmpty()
  }

  /** By lines; what is longer than the bound is cut off. */
  #read(stream: 'stdout' | 'stderr'): void {
    const readable = this.#process[stream]
    let rest = ''
    const take = (line: string) => {
      if (line !== '') this.#lines.push({ text: line.slice(0, LINE_CHARS_MAX), stream })
    }
    readable.setEncoding('utf8')
    readable.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!.slice(0, LINE_CHARS_MAX)
      for (const line of lines) take(line)
      if (this.#lines.length > LINES_MAX) readable.pause()
      if (this.#lines.length > 0) this.#tell()
    })
    readable.on('end', () => take(rest))
  }
}

function closeWhenEmpty(): void {
  if (closing && children.size === 0) port.close()
}
