/**
 * The runtime process: runs apps in isolates for the schedulers that connect to it.
 *
 * Its standard input is a pipe from whoever started it, with one line of JSON (RuntimeSettings: a command line would
 * show the token to other users); when the pipe closes, the process is gone. It prints `{"ready":true,"port"?}` when
 * it listens.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { Connection } from './connection.ts'
import { EgressPolicy } from './egress.ts'
import { SharedPrelude } from './isolate.ts'
import { IsolatePool } from './isolate-pool.ts'
import { loadPrelude } from './prelude.ts'
import { Fetcher } from './subrequest.ts'

export interface RuntimeSettings {
  listen: { path: string } | { host: string; port: number }
  /** Schedulers must show it. */
  token: string
  /** Isolates kept ready. */
  prewarm: number
  /** Memory limit of those, in MB: the platform's default. */
  memoryMb: number
  /** How long an isolate may take to end, in ms. */
  killGraceMs: number
  /** How long a subrequest may be silent, in ms. */
  subrequestTimeoutMs: number
  /** Address ranges that apps may reach besides public ones. */
  egressAllow: readonly string[]
}

const dieAtOnce = () => process.kill(process.pid, 'SIGKILL')
// A process with a stuck isolate cannot exit in the ordinary way.
process.stdin.on('close', dieAtOnce)
const lines = createInterface(process.stdin)
const settings = JSON.parse((await once(lines, 'line'))[0]) as RuntimeSettings
// The supervisor decides when a runtime stops; a terminal's Ctrl-C reaches the whole process group.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

const pool = new IsolatePool({
  prelude: new SharedPrelude(await loadPrelude()),
  size: settings.prewarm,
  memoryMb: settings.memoryMb,
})
await pool.fill()

const fetcher = new Fetcher({
  egress: new EgressPolicy(settings.egressAllow),
  timeoutMs: settings.subrequestTimeoutMs,
})
const delay = monitorEventLoopDelay({ resolution: 20 })
delay.enable()

const server = createServer(socket => {
  new Connection(socket, {
    token: settings.token,
    pool,
    fetcher,
    killGraceMs: settings.killGraceMs,
    processStats: () => {
      const eventLoopLagMs = delay.mean ? delay.mean / 1e6 : 0
      delay.reset()
      return { rssBytes: process.memoryUsage.rss(), eventLoopLagMs }
    },
    onCatastrophe: dieAtOnce,
  })
})
server.listen(settings.listen, () => {
  const address = server.address()
  const port = typeof address === 'object' && address ? { port: address.port } : {}
  process.stdout.write(`${JSON.stringify({ ready: true, ...port })}\n`)
})
