/**
 * From a path to an upload: finds the app's configuration and entry, builds its modules and writes down what
 * the platform has to know. Nothing is written to disk, and the same files always give the same bytes.
 */
import { dirname, resolve } from 'node:path'
import type { BundleModule } from '../bundle.ts'
import { VitrineError } from '../errors.ts'
import { type Esbuild, withEsbuild } from './esbuild.ts'
import { type BuiltModules, bundleModules, plainModules } from './modules.ts'
import { derivedName, findProject, type Project } from './project.ts'
import { effectiveRules } from './rules.ts'
import type { Upload, UploadMetadata } from './upload.ts'
import type { WranglerConfig } from './wrangler.ts'

export interface BuildRequest {
  /** A directory, an entry file, or a wrangler file. */
  path: string
  /** The largest bundle that will be uploaded, in bytes. */
  bundleBytesMax: number
  /** Wins over the configured name. */
  name?: string
  /** The environment of the wrangler file. */
  env?: string
  /** Wins over the configured variables of the same names. */
  vars?: Record<string, string>
  /** Win over the configured limits. */
  limits?: { cpu_ms?: number; memory_mb?: number }
  /** Beside the configured ones. */
  routes?: string[]
  /** Upload the files as they are. */
  noBundle?: boolean
  message?: string
}

export interface Built {
  upload: Upload
  /** One sentence each. */
  warnings: string[]
}

/**
 * Builds the app at `path`. Throws `APP_CONFIG_INVALID` for what the wrangler file says wrongly, `BUILD_FAILED`
 * for a missing entry or code that cannot be bundled, `BUNDLE_TOO_LARGE` beyond `bundleBytesMax`.
 */
export async function buildApp(request: BuildRequest): Promise<Built> {
  const project = findProject(request.path, request.env)
  const { config } = project
  const noBundle = request.noBundle ?? config.noBundle
  const built = await withEsbuild(esbuild => buildModules(esbuild, project, noBundle))
  const name = request.name ?? config.name ?? derivedName(project)
  assertFits(built.modules, name, request.bundleBytesMax)
  const upload = { name, metadata: metadataOf(built, config, request), modules: built.modules }
  return { upload, warnings: [...config.warnings, ...built.warnings] }
}

async function buildModules(
  esbuild: Esbuild,
  { config, entry, root }: Project,
  noBundle: boolean,
): Promise<BuiltModules> {
  const { rules, ignored } = effectiveRules(config.rules)
  if (ignored.length > 0)
    config.warnings.push(
      `${config.file}: rules for ${ignored.flatMap(({ globs }) => globs).join(', ')} are ignored, since a rule ` +
        'of the same type stands before them; add fallthrough = true to it to keep them',
    )
  if (noBundle) {
    const base = config.baseDir === undefined ? dirname(entry) : resolve(root, config.baseDir)
    const configured = config.findAdditionalModules ? config.rules : []
    return plainModules(esbuild, { entry, root: base, rules, configured })
  }
  return bundleModules(esbuild, {
    entry,
    root,
    rules,
    define: config.define,
    alias: config.alias,
    minify: config.minify,
    keepNames: config.keepNames,
    tsconfig: config.tsconfig === undefined ? undefined : resolve(root, config.tsconfig),
    jsxFactory: config.jsxFactory,
    jsxFragment: config.jsxFragment,
    sourcemap: config.uploadSourceMaps,
  })
}

function metadataOf(
  { modules, syntax }: BuiltModules,
  config: WranglerConfig,
  { vars, limits, routes = [], message }: BuildRequest,
): UploadMetadata {
  const main = modules[0]!.name
  const allLimits = {
    cpu_ms: limits?.cpu_ms ?? config.limits.cpu_ms,
    memory_mb: limits?.memory_mb ?? config.limits.memory_mb,
  }
  // What is undefined does not appear in the JSON that is sent, and must not differ from it here.
  return JSON.parse(
    JSON.stringify({
      ...(syntax === 'module' ? { main_module: main } : { body_part: main }),
      compatibility_date: config.compatibilityDate,
      compatibility_flags: config.compatibilityFlags,
      vars: { ...config.vars, ...vars },
      limits: allLimits,
      routes: [...new Set([...config.routes, ...routes])],
      message,
    }),
  ) as UploadMetadata
}

function assertFits(modules: readonly BundleModule[], name: string, bytesMax: number): void {
  const bytes = modules.reduce((sum, { content }) => sum + content.byteLength, 0)
  if (bytes <= bytesMax) return
  const largest = modules.toSorted((a, b) => b.content.byteLength - a.content.byteLength)[0]!
  throw new VitrineError(
    'BUNDLE_TOO_LARGE',
    `The bundle of ${name} has ${mebibytes(bytes)} where ${mebibytes(bytesMax)} are allowed: make ` +
      `${largest.name} (${mebibytes(largest.content.byteLength)}) smaller, set minify = true, or leave source maps ` +
      'away with upload_source_maps = false',
  )
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
