/** The thread that keeps the relay's process running: to start one holds whoever does it up (scheduler/launcher.ts). */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { workerData } from 'node:worker_threads'
import { compileCache, compileCacheEnv } from '../compile-cache.ts'
import { callerPort } from '../thread.ts'
import type { TlsProcessSettings } from './process.ts'

/** Answered when the process listens. */
export type TlsLauncherCall = 'listen'

const PROGRAM = fileURLToPath(new URL('./process.ts', import.meta.url))
const SOURCE = join(import.meta.dirname, '..')

/** Between the end of a process and the next. */
const RESTART_MS = 1000

/** Servers' bytes are read in it. What it may: read our code, and connect. */
const FLAGS = [
  '--permission',
  '--allow-net',
  `--allow-fs-read=${SOURCE}`,
  `--allow-fs-read=${join(SOURCE, '../package.json')}`,
  // Its own threads do next to nothing.
  '--v8-pool-size=1',
  '--disable-warning=SecurityWarning',
  '--disable-warning=ExperimentalWarning',
]

const port = callerPort()
const settings = workerData as TlsProcessSettings
const closed = new AbortController()
let child: ChildProcess | null = null
let listens: Promise<void> = run()

port.on('message', (message: { id: number; request: TlsLauncherCall } | 'close') => {
  if (message !== 'close') return void listens.then(() => port.postMessage({ id: message.id, reply: null }))
  closed.abort()
  child?.stdin?.end()
  port.close()
})

/** Resolves when the process listens; from its end on `listens` is the next one's. */
async function run(): Promise<void> {
  await rm(settings.path, { force: true })
  const cache = compileCache()
  const flags = cache ? [...FLAGS, `--allow-fs-read=${cache}`, `--allow-fs-write=${cache}`] : FLAGS
  const started = spawn(process.execPath, [...flags, PROGRAM], {
    env: compileCacheEnv(),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child = started
  // Writing to a process that has just died is no error of ours.
  started.stdin.on('error', () => {})
  started.stdin.write(`${JSON.stringify(settings)}\n`)
  const ended = new Promise<void>(resolve =>
    started.once('close', () => resolve()).once('error', () => resolve()),
  )
  const next = ended.then(() => sleep(RESTART_MS, undefined, { signal: closed.signal })).then(run)
  next.catch(() => {})
  void ended.then(() => {
    listens = next
  })
  // One that ends before it listens: whoever waits waits for the next.
  await Promise.race([once(started.stdout, 'data'), next])
}
