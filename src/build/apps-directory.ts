/**
 * Deploys a directory of apps: each sub-directory and each entry file in it is one. An app that fails stops no
 * other.
 */
import { watch } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { OPTIONS } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { buildApp } from './build.ts'
import { withEsbuild } from './esbuild.ts'
import type { Upload } from './upload.ts'

export interface DirectoryOptions {
  /** Deploys through the same validation as the control API, unless the active version is the same. */
  deploy(upload: Upload): Promise<'deployed' | 'unchanged'>
  /** Called for each app when it is done. */
  report(result: DirectoryResult): void
  bundleBytesMax: number
}

export type DirectoryResult = {
  /** Name of the file or sub-directory. */
  entry: string
  warnings: string[]
} & ({ status: 'deployed' | 'unchanged'; name: string } | { status: 'failed'; error: VitrineError })

/** Attacks to be deployed by hand, and what is no app. */
const SKIPPED = new Set(['hostile', 'node_modules'])
const ENTRY_FILES = ['.js', '.mjs', '.ts']
/** Apps that are built and deployed at the same time. */
const AT_ONCE = 4
/** An editor writes a file in several steps, and often several files. */
const SETTLE_MS = 150

/**
 * Builds and deploys every app. Rejects with `CONFIG_INVALID` if the directory cannot be read, unless it is the default
 * one and is not there, which means that there are no such apps.
 */
export async function deployDirectory(directory: string, options: DirectoryOptions): Promise<void> {
  const entries = await appEntries(directory)
  await withEsbuild(async () => {
    const queue = entries.values()
    const worker = async () => {
      for (const entry of queue) await deployEntry(directory, entry, options)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  })
}

/**
 * Redeploys an app whenever a file below its part of the directory changes, until it is disposed of. Changes
 * in `node_modules` and in hidden files do not count.
 */
export function watchDirectory(directory: string, options: DirectoryOptions): AsyncDisposable {
  const changed = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  const redeploy = async () => {
    // A directory that cannot be read any more has nothing to deploy.
    const entries = await appEntries(directory).catch(() => [])
    const due = entries.filter(entry => changed.has(entry))
    changed.clear()
    for (const entry of due) await deployEntry(directory, entry, options)
  }
  const watcher = watch(directory, { recursive: true }, (_event, path) => {
    const parts = path?.split(sep) ?? []
    if (parts.length === 0 || parts.some(part => part.startsWith('.') || part === 'node_modules')) return
    changed.add(parts[0]!)
    clearTimeout(timer)
    timer = setTimeout(() => {
      running = running.then(redeploy)
    }, SETTLE_MS)
  })
  watcher.on('error', () => watcher.close())

  return {
    async [Symbol.asyncDispose]() {
      clearTimeout(timer)
      watcher.close()
      await running
    },
  }
}

async function appEntries(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true })
    return entries
      .filter(({ name }) => !name.startsWith('.') && !SKIPPED.has(name))
      .filter(entry => entry.isDirectory() || ENTRY_FILES.includes(extname(entry.name)))
      .map(({ name }) => name)
      .sort()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' && directory === OPTIONS.apps.default) return []
    throw new VitrineError(
      'CONFIG_INVALID',
      `Cannot read the apps in ${directory} (${code}): correct --apps, or say --apps= for none`,
      { cause },
    )
  }
}

async function deployEntry(directory: string, entry: string, options: DirectoryOptions): Promise<void> {
  let warnings: string[] = []
  try {
    const path = join(directory, entry)
    const built = await buildApp({ path, bundleBytesMax: options.bundleBytesMax })
    warnings = built.warnings
    const status = await options.deploy(built.upload)
    options.report({ entry, name: built.upload.name, status, warnings })
  } catch (cause) {
    const reason = `${entry} cannot be deployed: ${(cause as Error).message}`
    const error = cause instanceof VitrineError ? cause : new VitrineError('BUILD_FAILED', reason, { cause })
    options.report({ entry, status: 'failed', error, warnings })
  }
}
