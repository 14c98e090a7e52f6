/**
 * What subrequests and caches need, loaded when the first app asks for one of them: most never do, and it takes memory.
 *
 * It comes in pieces, between which the process serves others: Node compiles its own modules from source here (flags.ts:
 * without its snapshot there is no cache of them), 25 ms of CPU time in all, on cores that may be busy.
 */
import { createRequire, getCompileCacheDir } from 'node:module'
import { setImmediate } from 'node:timers/promises'

const require = createRequire(import.meta.url)

const PIECES: readonly (() => unknown)[] = [
  ...['http', 'tls', 'zlib', 'http2', 'os', 'dns/promises', 'fs/promises'].map(
    name => () => process.getBuiltinModule(`node:${name}`),
  ),
  ...['core/util', 'core/request', 'dispatcher/client-h1', 'dispatcher/client', 'dispatcher/pool'].map(
    name => () => require(`undici/lib/${name}.js`),
  ),
  () => import('./undici.ts'),
  () => import('./resolver.ts'),
  () => import('./tls-client.ts'),
  () => import('./egress.ts'),
  () => import('./decode.ts'),
  () => import('./hop.ts'),
  () => import('./websocket-hop.ts'),
  () => import('./connections.ts'),
  () => import('./subrequest.ts'),
  () => import('./cache-client.ts'),
]

/** Resolves when modules that import these find them loaded. */
export async function loadLibraries(): Promise<void> {
  for (const load of PIECES) {
    await load()
    await setImmediate()
  }
}

/**
 * Loads them now if the cache of compiled code is new, so that they are in it. What is not there has its types stripped
 * first, by a module of Node's that takes 12 ms to load and 40 beside busy neighbours, in each process anew.
 */
export async function cacheLibraries(): Promise<void> {
  const { moduleLoadList = [] } = process as { moduleLoadList?: string[] }
  if (getCompileCacheDir() && moduleLoadList.some(name => name.includes('amaro'))) await loadLibraries()
}
