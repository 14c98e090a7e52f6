/** The sandbox's code as prelude-bundle.ts makes it, kept in a file named by the hash of its sources. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundlePrelude } from './prelude-bundle.ts'

const ROOT = join(import.meta.dirname, '../..')
const SANDBOX = join(ROOT, 'src/sandbox')

/** `main` is a script whose value is the kernel's interface (src/sandbox/main.ts). */
export interface Prelude {
  main: string
  /** By name: scripts whose value is a function that takes the main script's links and returns the part's exports. ASCII only. */
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
  const prelude = await bundlePrelude(SANDBOX)
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
  for (const file of ['package-lock.json', 'src/runtime/prelude.ts', 'src/runtime/prelude-bundle.ts'])
    hash.update(await readFile(join(ROOT, file)))
  return hash.digest('hex').slice(0, 32)
}
