/**
 * Turns an entry file into the modules of a bundle: one JavaScript file made by esbuild, its source map, and
 * beside it the modules that are not JavaScript (rules.ts), which the entry imports by a stable relative name.
 *
 * A service worker is one script that cannot import: in it those modules stand as values.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, relative, resolve, sep } from 'node:path'
import type { OnResolveArgs, PluginBuild } from 'esbuild'
import type { BundleModule, ModuleType } from '../bundle.ts'
import { VitrineError } from '../errors.ts'
import { type BundleRequest, bundleEntry, type Esbuild, importGraph } from './esbuild.ts'
import { moduleTypeOf, RULE_TYPES, type Rule, specifierFilter } from './rules.ts'
import { filesUnder } from './walk.ts'

/** An app's modules, the main one first. */
export interface BuiltModules {
  modules: BundleModule[]
  syntax: 'module' | 'service-worker'
  warnings: string[]
}

export interface ModulesRequest extends Omit<BundleRequest, 'format' | 'plugins'> {
  rules: readonly Rule[]
  sourcemap: boolean
}

/**
 * Bundles. As wrangler does, an entry without a default export is taken for a service worker.
 */
export async function bundleModules(esbuild: Esbuild, request: ModulesRequest): Promise<BuiltModules> {
  const rules = request.rules.filter(rule => rule.type !== 'ESModule')
  const collected = new Map<string, BundleModule>()
  const separate = collectPlugin({ root: request.root, rules, collected })
  const built = await bundleEntry(esbuild, { ...request, format: 'esm', plugins: [separate] })
  if (built.exports.includes('default')) {
    return {
      modules: [...entryModules('esm', built, request.sourcemap), ...[...collected.values()].sort(byName)],
      syntax: 'module',
      warnings: built.warnings,
    }
  }

  const script = await bundleEntry(esbuild, {
    ...request,
    format: 'iife',
    plugins: [inlinePlugin({ root: request.root, rules })],
  })
  if (built.exports.length > 0)
    script.warnings.push(
      `${relative(request.root, request.entry)} exports ${built.exports.join(', ')} but no default: ` +
        'it is built as a service worker; for an ES module add "export default { fetch() { … } }"',
    )
  return {
    modules: entryModules('script', script, request.sourcemap),
    syntax: 'service-worker',
    warnings: script.warnings,
  }
}

/** Files are found in no particular order; a bundle has one, by which equal ones are known. */
function byName(a: BundleModule, b: BundleModule): number {
  return a.name < b.name ? -1 : 1
}

function entryModules(
  type: 'esm' | 'script',
  { code, sourcemap }: { code: Uint8Array; sourcemap: Uint8Array },
  withMap: boolean,
): BundleModule[] {
  const entry: BundleModule = { name: 'index.js', type, content: code }
  return withMap ? [entry, { name: 'index.js.map', type: 'sourcemap', content: sourcemap }] : [entry]
}

/**
 * Uploads files as they are: the entry, what it imports by relative names, and whatever else under the
 * entry's directory (or `baseDir`) the configured rules match.
 */
export async function plainModules(
  esbuild: Esbuild,
  { entry, root, rules, configured }: { entry: string; root: string; rules: Rule[]; configured: Rule[] },
): Promise<BuiltModules> {
  if (!/\.m?js$/.test(entry))
    throw new VitrineError(
      'BUILD_FAILED',
      `${basename(entry)} is not JavaScript and cannot be uploaded as it is: deploy it without --no-bundle`,
    )
  const warnings: string[] = []
  const main = relative(root, entry)
  let files = [main]
  let isModule = true
  try {
    const graph = await importGraph(esbuild, { entry, root, plugins: [presencePlugin(rules, root)] })
    files = graph.files
    isModule = graph.exports.includes('default')
  } catch (error) {
    if (!(error instanceof VitrineError)) throw error
    warnings.push(`${main} is uploaded as it is, without what it may import: ${error.message}`)
  }
  if (configured.length > 0)
    files.push(...filesUnder(root).filter(file => moduleTypeOf(file, configured) !== undefined))
  const others = [...new Set(files)].filter(file => file !== main).sort()
  const modules = await Promise.all(
    [main, ...others].map(async file => ({
      name: moduleName(file, root),
      type:
        file === main ? (isModule ? 'esm' : 'script') : (moduleTypeOf(file, rules) ?? javascriptType(file)),
      content: await readFile(resolve(root, file)),
    })),
  )
  return { modules, syntax: isModule ? 'module' : 'service-worker', warnings }
}

function javascriptType(file: string): ModuleType {
  if (/\.m?js$/.test(file)) return RULE_TYPES.ESModule
  if (file.endsWith('.json')) return 'json'
  throw new VitrineError(
    'BUILD_FAILED',
    `${file} cannot be uploaded as it is: deploy without --no-bundle, or add a rule for it to the wrangler file`,
  )
}

/** Leaves imports that a rule matches as they are, under a stable name, and keeps the files' contents. */
function collectPlugin(options: { root: string; rules: Rule[]; collected: Map<string, BundleModule> }) {
  const { root, rules, collected } = options
  return {
    name: 'separate-modules',
    setup(build: PluginBuild) {
      build.onResolve({ filter: specifierFilter(rules) }, async args => {
        const path = await resolveFile(build, args)
        if (typeof path !== 'string') return path
        const content = await readFile(path)
        const name = moduleName(relative(root, path), root, content)
        collected.set(name, { name, type: moduleTypeOf(args.path, rules)!, content })
        return { path: `./${name}`, external: true }
      })
    },
  }
}

/**
 * Makes a value of each import that a rule matches: a text, an ArrayBuffer, a WebAssembly.Module. Files are
 * known by their path below the root, so that the source map does not depend on where the project lies.
 */
function inlinePlugin({ root, rules }: { root: string; rules: Rule[] }) {
  return {
    name: 'inline-modules',
    setup(build: PluginBuild) {
      build.onResolve({ filter: /^inline-bytes$/ }, ({ importer }) => ({
        path: importer,
        namespace: 'inline-bytes',
      }))
      build.onLoad({ filter: /./, namespace: 'inline-bytes' }, async ({ path }) => ({
        contents: await readFile(resolve(root, path)),
        loader: 'binary' as const,
      }))
      build.onResolve({ filter: specifierFilter(rules) }, async args => {
        const path = await resolveFile(build, args)
        if (typeof path !== 'string') return path
        return { path: relative(root, path), namespace: 'inline', pluginData: moduleTypeOf(args.path, rules) }
      })
      build.onLoad({ filter: /./, namespace: 'inline' }, async ({ path, pluginData }) => {
        if (pluginData === 'text')
          return { contents: await readFile(resolve(root, path)), loader: 'text' as const }
        const value = pluginData === 'wasm' ? 'new WebAssembly.Module(bytes)' : 'bytes.buffer'
        return { contents: `import bytes from 'inline-bytes'\nexport default ${value}` }
      })
    },
  }
}

/** Lets files that a rule matches appear in the import graph without being parsed. */
function presencePlugin(rules: Rule[], root: string) {
  return {
    name: 'present-modules',
    setup(build: PluginBuild) {
      build.onLoad({ filter: /./ }, ({ path }) => {
        const type = moduleTypeOf(relative(root, path), rules)
        return type === undefined || type === 'esm' ? undefined : { contents: '', loader: 'empty' as const }
      })
    },
  }
}

/** Finds the file that an import means, in the directory of the importer or in a package. */
async function resolveFile(build: PluginBuild, args: OnResolveArgs) {
  if (args.pluginData === RESOLVING) return undefined
  const specifier = args.path.replace(/\?module$/, '')
  const { resolveDir, importer, kind } = args
  const found = await build.resolve(specifier, { resolveDir, importer, kind, pluginData: RESOLVING })
  return found.errors.length > 0 ? { errors: found.errors } : found.path
}
const RESOLVING = Symbol('resolving')

/**
 * The name under which other modules import a file: its path below the root. A collected file outside of it,
 * with odd characters, or in the way of the entry's own name gets a name made from its content.
 */
function moduleName(path: string, root: string, content?: Uint8Array): string {
  const name = path.split(sep).join('/')
  const isPlain = /^[\w@][\w@.+-]*(?:\/[\w@][\w@.+-]*)*$/.test(name) && !name.includes('node_modules/')
  if (isPlain && !(content && name.startsWith('index.js'))) return name
  if (content === undefined)
    throw new VitrineError(
      'BUILD_FAILED',
      `${name} lies outside of ${basename(root)} or has a name that cannot be imported: move or rename it, ` +
        'or deploy without --no-bundle',
    )
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 12)
  return `${hash}-${basename(path).replace(/[^\w.-]/g, '_')}`
}
