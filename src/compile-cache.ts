/** Node's cache of compiled code, which bin.mjs turns on, for the processes and threads that we start in turn. */
import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'

/** The directory as it was given to Node; null if there is none. */
export function compileCache(): string | null {
  const directory = getCompileCacheDir()
  // Node keeps a directory in it for each version of itself.
  return directory ? dirname(directory) : null
}

/** An environment with nothing in it but the cache. */
export function compileCacheEnv(): Record<string, string> {
  const directory = compileCache()
  return directory === null ? {} : { NODE_COMPILE_CACHE: directory }
}
