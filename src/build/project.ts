/** Finds an app's configuration and its entry from the path of a directory, an entry file or a wrangler file. */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { VitrineError } from '../errors.ts'
import { emptyConfig, readWrangler, WRANGLER_FILES, type WranglerConfig } from './wrangler.ts'

const ENTRY_NAMES = ['index.ts', 'index.js', 'index.mjs', 'worker.ts', 'worker.js', 'worker.mjs']
const ENTRY_EXTENSIONS = ['.js', '.mjs', '.cjs', '.jsx', '.ts', '.mts', '.tsx']

export interface Project {
  config: WranglerConfig
  /** Absolute, as `root` is: the directory to which configured paths are relative. */
  entry: string
  root: string
}

/**
 * Finds what `path` means, in the environment `env` of its wrangler file if one is named.
 * Throws `APP_CONFIG_INVALID` or, where there is no entry, `BUILD_FAILED`.
 */
export function findProject(path: string, env: string | undefined): Project {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) throw new VitrineError('BUILD_FAILED', `There is no ${path}: give a directory or an entry file`)
  // esbuild tells files by their real paths, to which the root must fit.
  const absolute = realpathSync(path)
  if (stats.isDirectory()) return projectOfDirectory(absolute, path, env)
  if (/^wrangler\b.*\.(?:toml|jsonc?)$/.test(basename(absolute))) return projectOfConfig(absolute, [], env)
  if (!ENTRY_EXTENSIONS.includes(extname(absolute)))
    throw new VitrineError(
      'BUILD_FAILED',
      `${path} is no entry file: give one that ends in ${ENTRY_EXTENSIONS.join(', ')}, or a directory`,
    )
  return withoutConfig(absolute, dirname(absolute), env)
}

function projectOfDirectory(directory: string, shown: string, env: string | undefined): Project {
  const [file, ...others] = WRANGLER_FILES.filter(name => existsSync(join(directory, name)))
  if (file) return projectOfConfig(join(directory, file), others, env)
  const entry = conventionalEntry(directory)
  if (entry) return withoutConfig(entry, directory, env)
  throw new VitrineError(
    'BUILD_FAILED',
    `${shown} has neither a wrangler.toml, .json or .jsonc nor an index.js or index.ts: ` +
      '"vitrine init" writes a first app, or give the entry file itself',
  )
}

function projectOfConfig(path: string, others: string[], env: string | undefined): Project {
  const config = readWrangler(path, env)
  const { directory: root, file, main } = config
  if (others.length > 0)
    config.warnings.push(`${others.join(' and ')} beside ${file} is not read: ${file} comes first`)
  const found = conventionalEntry(root)
  const example = found ? relative(root, found) : 'src/index.js'
  if (main === undefined)
    throw new VitrineError('APP_CONFIG_INVALID', `${file} names no entry: add main = "${example}"`)
  const entry = resolve(root, main)
  if (!statSync(entry, { throwIfNoEntry: false })?.isFile())
    throw new VitrineError(
      'BUILD_FAILED',
      `${file} says main = "${main}", but there is no such file${found ? `; there is ${example}` : ' beside it'}`,
    )
  return { config, entry, root }
}

function withoutConfig(entry: string, root: string, env: string | undefined): Project {
  if (env !== undefined)
    throw new VitrineError(
      'APP_CONFIG_INVALID',
      `--env ${env} needs a wrangler file that defines it: give its directory instead of ${basename(entry)}`,
    )
  return { config: emptyConfig(entry), entry, root }
}

function conventionalEntry(directory: string): string | undefined {
  return ['', 'src']
    .flatMap(below => ENTRY_NAMES.map(name => join(directory, below, name)))
    .find(path => statSync(path, { throwIfNoEntry: false })?.isFile())
}

/** From the entry's file name, or from its directory where the file is named as entries usually are. */
export function derivedName({ entry, root, config }: Project): string {
  const stem = basename(entry, extname(entry))
  const isUsual = ENTRY_NAMES.includes(basename(entry)) || config.file.startsWith('wrangler')
  const directory = basename(root) === 'src' ? dirname(root) : root
  const name = (isUsual ? basename(directory) : stem)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
  if (name === '') throw new VitrineError('APP_NAME_INVALID', 'The app has no name: give one with --name')
  return name
}
