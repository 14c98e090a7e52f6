/**
 * The runtime process: runs apps in isolates for the schedulers that connect to it.
 *
 * Its standard input is a pipe from whoever started it, with its settings (settings.ts: a command line would show the
 * token to other users); when the pipe closes, the process is gone. It prints `{"ready":true,"port"?}` when it listens.
 */
import { flushCompileCache } from 'node:module'
import { createServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { Connection } from './connection.ts'
import { SharedPrelude } from './isolate.ts'
import { IsolatePool } from './isolate-pool.ts'
import { cacheLibraries, loadLibraries } from './libraries.ts'
import { readSettings } from './settings.ts'
import type { Upstream } from './subrequest.ts'

/** From here on strangers' code may come: what only the start needed is given up (flags.ts). */
function dropPermissions(): void {
  const { permission } = process as { permission?: { drop?(scope: string): void } }
  for (const scope of ['fs.write', 'addon']) permission?.drop?.(scope)
}

const dieAtOnce = () => process.kill(process.pid, 'SIGKILL')
// A process with a stuck isolate cannot exit in the ordinary way.
process.stdin.on('close', dieAtOnce)
const settings = await readSettings(process.stdin)
// The supervisor decides when a runtime stops; a terminal's Ctrl-C reaches the whole process group.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

// Heaps of isolates are to be collected when they have little in them.
setFlagsFromString('--initial-old-space-size=0')
const pool = new IsolatePool({
  prelude: new SharedPrelude(settings.prelude),
  size: settings.prewarm,
  memoryMb: settings.memoryMb,
})
await pool.fill()

const libraries = once(loadLibraries)
const fetcher = once(async () => {
  await libraries()
  const { EgressPolicy } = await import('./egress.ts')
  const { Fetcher } = await import('./subrequest.ts')
  const { TlsClient } = await import('./tls-client.ts')
  return new Fetcher({
    egress: new EgressPolicy(settings.egressAllow),
    ...(settings.tls && { tls: new TlsClient(settings.tls) }),
    timeoutMs: settings.subrequestTimeoutMs,
  })
})
const cache = once(async (): Promise<Upstream> => {
  await libraries()
  const { CacheClient, NO_CACHE } = await import('./cache-client.ts')
  return settings.cache === null ? NO_CACHE : await CacheClient.open(settings.cache)
})

/** What could not be loaded is tried again when it is next asked for. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined
  return () =>
    (loaded ??= load().catch(error => {
      loaded = undefined
      throw error
    }))
}

/** The timer by which the lag is measured; an idle loop shows it. */
const LAG_RESOLUTION_MS = 20
const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
delay.enable()

const server = createServer(socket => {
  new Connection(socket, {
    token: settings.token,
    pool,
    fetcher,
    cache,
    killGraceMs: settings.killGraceMs,
    traceContext: settings.traceContext,
    processStats: () => {
      const eventLoopLagMs = delay.mean ? Math.max(0, delay.mean / 1e6 - LAG_RESOLUTION_MS) : 0
      delay.reset()
      return { rssBytes: process.memoryUsage.rss(), eventLoopLagMs }
    },
    onCatastrophe: dieAtOnce,
  })
})
await cacheLibraries()
server.listen(settings.listen, () => {
  const address = server.address()
  const port = typeof address === 'object' && address ? { port: address.port } : {}
  // The process will be killed rather than exit, so what it has compiled is kept now.
  flushCompileCache()
  dropPermissions()
  process.stdout.write(`${JSON.stringify({ ready: true, ...port })}\n`)
})
