/**
 * The thread that keeps the relay's process running: to start one holds whoever does it up (scheduler/launcher.ts). One
 * that hangs or has grown too large is killed, and another takes its place.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { workerData } from 'node:worker_threads'
import { compileCache, compileCacheEnv } from '../compile-cache.ts'
import { callerPort } from '../thread.ts'
import type { TlsProcessSettings } from './process.ts'
import { readStatus, type TlsProcessStatus } from './status.ts'

/** `listen` is answered when the process listens, with null; `news` when there is some. */
export type TlsLauncherCall = 'listen' | 'news'

/** How the process is, or how one has ended. */
export type TlsNews = { status: TlsProcessStatus } | { ended: string }

type Child = ChildProcessByStdio<Writable, Readable, null>

const PROGRAM = fileURLToPath(new URL('./process.ts', import.meta.url))
const SOURCE = join(import.meta.dirname, '..')

/** Between the end of a process and the next. */
const RESTART_MS = 1000

/** How often it is asked whether it is well, and after how long a silence it is not: a step for one app takes 0.7 s. */
const BEAT_MS = 2000
const SILENT_MS_MAX = 15_000

/** A connection takes 100 kB or so, and there may be 4096. */
const RSS_BYTES_MAX = 768 * 2 ** 20

/** Nobody is interested in how it was long ago. */
const NEWS_MAX = 10

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
/** What nobody has been told of, and the call that asks for it. */
const news: TlsNews[] = []
let asked: number | null = null
let child: Child | null = null
let listens: Promise<void> = run()

port.on('message', (message: { id: number; request: TlsLauncherCall } | 'close') => {
  if (message === 'close') {
    closed.abort()
    child?.stdin.end()
    return port.close()
  }
  if (message.request === 'listen') {
    return void listens.then(() => port.postMessage({ id: message.id, reply: null }))
  }
  asked = message.id
  tell()
})

function tell(what?: TlsNews): void {
  if (what) news.push(what)
  if (news.length > NEWS_MAX) news.shift()
  if (asked === null || news.length === 0) return
  port.postMessage({ id: asked, reply: news.shift() })
  asked = null
}

/** Resolves when a process listens; from its end on `listens` is the next one's. */
async function run(): Promise<void> {
  await rm(settings.path, { force: true })
  const cache = compileCache()
  const flags = cache ? [...FLAGS, `--allow-fs-read=${cache}`, `--allow-fs-write=${cache}`] : FLAGS
  const started: Child = spawn(process.execPath, [...flags, PROGRAM], {
    env: compileCacheEnv(),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child = started
  // Writing to a process that has just died is no error of ours.
  started.stdin.on('error', () => {})
  started.stdin.write(`${JSON.stringify(settings)}\n`)
  const whyKilled = watchOver(started)
  const ended = new Promise<string>(resolve => {
    started.once('error', ({ message }) => resolve(message))
    started.once('close', (code, signal) => resolve(whyKilled() ?? signal ?? `exit code ${code}`))
  })
  const next = ended.then(async how => {
    if (closed.signal.aborted) return
    tell({ ended: how })
    await sleep(RESTART_MS, undefined, { signal: closed.signal })
    return run()
  })
  next.catch(() => {})
  void ended.then(() => {
    listens = next
  })
  // One that ends before it listens: whoever waits waits for the next.
  await Promise.race([once(started.stdout, 'data'), next])
}

/** Asks it now and then how large it is, and kills it for what it answers, or does not. Why it was killed, if it was. */
function watchOver(started: Child): () => string | null {
  let why: string | null = null
  let heardAt = performance.now()
  const kill = (reason: string) => {
    why = reason
    started.kill('SIGKILL')
  }
  started.stdout.setEncoding('latin1').on('data', (text: string) => {
    heardAt = performance.now()
    const status = readStatus(text)
    if (!status) return kill('it said something else than how it is')
    tell({ status })
    if (status.rssBytes > RSS_BYTES_MAX) kill(`more than ${RSS_BYTES_MAX / 2 ** 20} MB of memory`)
  })
  const beat = setInterval(() => {
    if (performance.now() - heardAt > SILENT_MS_MAX) kill(`no sign of life for ${SILENT_MS_MAX / 1000} s`)
    else started.stdin.write('\n')
  }, BEAT_MS)
  started.once('close', () => clearInterval(beat))
  return () => why
}
