/**
 * The sandbox's code, bundled by esbuild from src/sandbox: one script for every isolate, and the parts that an
 * isolate loads on first use. The result is kept in a file named by the hash of its sources.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

/**
 * The language's own globals, held under their names: what the sandbox says with `Map` or `TypeError` is the
 * original, whatever a guest puts in its place.
 */
const CAPTURE = `const{Array,ArrayBuffer,BigInt,Boolean,DataView,Date,Error,Float64Array,Int32Array,Map,Math,Number,Object,Promise,Proxy,RangeError,ReferenceError,Reflect,RegExp,Set,SharedArrayBuffer,String,Symbol,SyntaxError,TypeError,Uint16Array,Uint32Array,Uint8Array,WeakMap,WeakRef,WeakSet,WebAssembly,isNaN,parseFloat,parseInt}=globalThis;`

const ROOT = join(import.meta.dirname, '../..')
const SANDBOX = join(ROOT, 'src/sandbox')

/** `main` is a script whose value is the kernel's interface (src/sandbox/main.ts). */
export interface Prelude {
  main: string
  /** By name: scripts whose value is the part's exports. ASCII only. */
  parts: Record<string, string>
}

let loaded: Promise<Prelude> | undefined

/**
 * Reads the bundled sandbox, bundling it first if its sources are new. For who starts runtimes: they themselves may
 * neither bundle nor keep anything.
 */
export function loadPrelude(): Promise<Prelude> {
  loaded ??= readPrelude()
  return loaded
}

async function readPrelude(): Promise<Prelude> {
  const key = await sourcesHash()
  for (const directory of cacheDirectories()) {
    const found = await readFile(join(directory, `${key}.json`), 'utf8').catch(() => null)
    if (found) return JSON.parse(found) as Prelude
  }
  const prelude = await bundlePrelude()
  for (const directory of cacheDirectories()) {
    if (await keep(directory, key, prelude)) break
  }
  return prelude
}

function cacheDirectories(): string[] {
  return [join(ROOT, 'node_modules/.cache/vitrine'), join(tmpdir(), `vitrine-${process.getuid?.() ?? 0}`)]
}

/** Whole or not at all: other processes may read at the same time. */
async function keep(directory: string, key: string, prelude: Prelude): Promise<boolean> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const temporary = join(directory, `${key}.${process.pid}.tmp`)
    await writeFile(temporary, JSON.stringify(prelude))
    await rename(temporary, join(directory, `${key}.json`))
    return true
  } catch {
    return false
  }
}

async function sourcesHash(): Promise<string> {
  const hash = createHash('sha256')
  const files = (await readdir(SANDBOX, { recursive: true })).filter(name => name.endsWith('.ts')).sort()
  for (const file of files) hash.update(file).update(await readFile(join(SANDBOX, file)))
  for (const file of ['package-lock.json', 'src/runtime/prelude.ts'])
    hash.update(await readFile(join(ROOT, file)))
  return hash.digest('hex').slice(0, 32)
}

async function bundlePrelude(): Promise<Prelude> {
  const { build, stop } = await import('esbuild')
  const bundle = async (file: string): Promise<string> => {
    const { outputFiles } = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'exported',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      target: 'esnext',
      charset: 'ascii',
      minify: true,
      keepNames: false,
      legalComments: 'none',
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    })
    // Strict: of sloppy functions, call sites and `caller` would give guests the functions themselves.
    return `(()=>{'use strict';${CAPTURE}${outputFiles[0]!.text}return{...exported}})()`
  }
  try {
    const partsDirectory = join(SANDBOX, 'parts')
    const files = (await readdir(partsDirectory).catch(() => [])).filter(name => name.endsWith('.ts'))
    const parts: Record<string, string> = {}
    for (const file of files) parts[basename(file, '.ts')] = await bundle(join(partsDirectory, file))
    return { main: await bundle(join(SANDBOX, 'main.ts')), parts }
  } finally {
    await stop()
  }
}
