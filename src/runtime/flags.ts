/**
 * How a runtime process is started, for whoever starts one: V8's flags, which its isolates inherit, and Node's
 * permission model, which leaves what runs in the process little to reach should an app ever break out of its isolate.
 *
 * - `--no-node-snapshot`: isolated-vm needs it.
 * - `--initial-old-space-size`: below so many MiB V8 does not collect the whole heap that frames and records pass through.
 *   Left to itself it does at 16 MiB more than there was, bodies under way included: from the first time on, up to 27
 *   times a second, in steps of milliseconds that everybody's requests wait for. The heap has 10 MB, bodies 20 or so. For
 *   this heap alone: process.ts takes the flag back before it makes isolates.
 * - `--wasm-max-mem-pages`: no single WebAssembly memory above 128 MiB (64 KiB a page); it lies outside of an
 *   isolate's memory limit, so the supervisor's RSS ceiling bounds the sum.
 * - `--permission`: no file read but the platform's own code, none written, no process or thread started, no
 *   inspector. The store's file lies outside of what may be read. Addons are allowed until isolated-vm, which is one,
 *   is loaded: process.ts drops that, and the compile cache's directory, before any app comes.
 * - `--v8-pool-size`: as this process has it, if it was given one (cli/bin.mjs).
 * - `--no-experimental-sqlite`: what node:sqlite opens, the permission model does not see.
 */
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

const READABLE = [
  ...['src', 'node_modules', 'package.json'].map(name => join(ROOT, name)),
  // Names are looked up in the one; by the other isolated-vm tells which of its binaries fits.
  '/etc/hosts',
  '/etc/alpine-release',
]

/** Before the program's name. `compileCache`: a directory that Node may keep compiled code in, if there is one. */
export function runtimeFlags(compileCache: string | null): string[] {
  if (compileCache === null) return [...RUNTIME_FLAGS]
  return [...RUNTIME_FLAGS, `--allow-fs-read=${compileCache}`, `--allow-fs-write=${compileCache}`]
}

const RUNTIME_FLAGS: readonly string[] = [
  '--no-node-snapshot',
  '--initial-old-space-size=48',
  '--wasm-max-mem-pages=2048',
  '--permission',
  '--no-experimental-sqlite',
  ...v8PoolSize(process.execArgv),
  '--allow-addons',
  '--allow-net',
  ...READABLE.map(path => `--allow-fs-read=${path}`),
  // That addons are allowed, and that --allow-net is young.
  '--disable-warning=SecurityWarning',
  '--disable-warning=ExperimentalWarning',
  // That a key which may not be exported leaves Web Crypto: to the sandbox it belongs to, and no further.
  '--disable-warning=DEP0204',
]

/** The flag among others, however it is written. */
export function v8PoolSize(flags: readonly string[]): string[] {
  const size = /--v8[-_]pool[-_]size[= ](\d+)/.exec(flags.join(' '))?.[1]
  return size === undefined ? [] : [`--v8-pool-size=${size}`]
}
