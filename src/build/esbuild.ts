/**
 * The one home of esbuild: its service process, its errors, and the options that make an app's bundle.
 */
import { resolve } from 'node:path'
import type { BuildFailure, BuildOptions, BuildResult, Message, Plugin } from 'esbuild'
import { VitrineError } from '../errors.ts'

export type Esbuild = typeof import('esbuild')

let users = 0

/**
 * Runs `work` with esbuild at hand. Its service process is shared by all that run at the same time and is
 * stopped after the last of them, so that nothing keeps running between builds.
 */
export async function withEsbuild<T>(work: (esbuild: Esbuild) => Promise<T>): Promise<T> {
  const esbuild = await import('esbuild')
  users++
  try {
    return await work(esbuild)
  } finally {
    users--
    if (users === 0) await esbuild.stop()
  }
}

/** What is bundled, and how. Paths are absolute. */
export interface BundleRequest {
  entry: string
  /** Sources in the source map are named relative to it. */
  root: string
  format: 'esm' | 'iife'
  define: Record<string, string>
  alias: Record<string, string>
  minify: boolean
  keepNames: boolean
  tsconfig?: string
  jsxFactory?: string
  jsxFragment?: string
  plugins: Plugin[]
}

/** The bundled entry, its source map, what it exports, and esbuild's warnings in one line each. */
export interface BundledEntry {
  code: Uint8Array
  sourcemap: Uint8Array
  exports: string[]
  warnings: string[]
}

/** Bundles an entry and what it imports into one file. Throws `BUILD_FAILED` with esbuild's excerpt as detail. */
export async function bundleEntry(esbuild: Esbuild, request: BundleRequest): Promise<BundledEntry> {
  const options = {
    entryPoints: [request.entry],
    absWorkingDir: request.root,
    outfile: resolve(request.root, 'index.js'),
    bundle: true,
    write: false,
    metafile: true,
    platform: 'neutral',
    mainFields: ['browser', 'module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    format: request.format,
    target: 'esnext',
    charset: 'utf8',
    sourcemap: 'external',
    sourcesContent: true,
    loader: { '.js': 'jsx', '.mjs': 'jsx', '.cjs': 'jsx' },
    external: ['cloudflare:*', 'node:*'],
    define: { 'process.env.NODE_ENV': '"production"', ...request.define },
    alias: request.alias,
    minify: request.minify,
    keepNames: request.keepNames,
    ...(request.tsconfig !== undefined && { tsconfig: request.tsconfig }),
    ...(request.jsxFactory !== undefined && { jsxFactory: request.jsxFactory }),
    ...(request.jsxFragment !== undefined && { jsxFragment: request.jsxFragment }),
    plugins: request.plugins,
    logLevel: 'silent',
  } as const satisfies BuildOptions
  let result: BuildResult<typeof options>
  try {
    result = await esbuild.build(options)
  } catch (error) {
    throw await buildFailed(esbuild, error)
  }
  const file = (name: string) => result.outputFiles.find(output => output.path.endsWith(name))!.contents
  return {
    code: file('index.js'),
    sourcemap: file('index.js.map'),
    exports: result.metafile.outputs['index.js']!.exports,
    warnings: result.warnings.map(oneLine),
  }
}

/** What an entry imports, as it is on disk: paths relative to `root`, the entry first, and the entry's exports. */
export async function importGraph(
  esbuild: Esbuild,
  { entry, root, plugins }: Pick<BundleRequest, 'entry' | 'root' | 'plugins'>,
): Promise<{ files: string[]; exports: string[] }> {
  try {
    const { metafile } = await esbuild.build({
      entryPoints: [entry],
      absWorkingDir: root,
      outfile: resolve(root, 'index.js'),
      bundle: true,
      write: false,
      metafile: true,
      treeShaking: false,
      platform: 'neutral',
      format: 'esm',
      target: 'esnext',
      packages: 'external',
      plugins,
      logLevel: 'silent',
    })
    const output = metafile.outputs['index.js']!
    const others = Object.keys(metafile.inputs).filter(input => input !== output.entryPoint)
    return { files: [output.entryPoint!, ...others], exports: output.exports }
  } catch (error) {
    throw await buildFailed(esbuild, error)
  }
}

async function buildFailed(esbuild: Esbuild, error: unknown): Promise<unknown> {
  const errors = (error as Partial<BuildFailure>).errors
  if (!Array.isArray(errors) || errors.length === 0) return error
  const detail = await esbuild.formatMessages(errors, { kind: 'error', color: false })
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  return new VitrineError('BUILD_FAILED', `The app cannot be built: ${oneLine(errors[0]!)}${more}`, {
    detail: detail.join('').trimEnd(),
    cause: error,
  })
}

function oneLine({ text, location }: Message): string {
  const line = text.replace(/\s*\n\s*/g, ' ')
  return location ? `${location.file}:${location.line}:${location.column + 1}: ${line}` : line
}
