/**
 * Bundles src/sandbox: one script that every isolate runs, and the parts that an isolate evaluates on first use.
 *
 * A file in `parts/` that says `export * from '../x.ts'` takes that module out of the main script. What the main script
 * imports of it are then functions that load the part when they are first called: no classes, nor other values. What
 * another part imports of it are the values themselves: the one part is loaded with the other.
 *
 * A part shares the modules of the main script: what it imports of them are the main script's own values, handed over
 * in one list. So a class exists once, and a part evaluated late still holds the built-ins as they were before
 * guest code ran.
 */
import { readdir, readFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import type { BuildOptions, Plugin } from 'esbuild'
import type { Prelude } from './prelude.ts'

type Esbuild = typeof import('esbuild')

/**
 * The language's own globals, held under their names: what the sandbox says with `Map` or `TypeError` is the
 * original, whatever a guest puts in its place.
 */
const INTRINSICS =
  '{Array,ArrayBuffer,BigInt,BigInt64Array,BigUint64Array,Boolean,DataView,Date,Error,EvalError,Float16Array,' +
  'Float32Array,Float64Array,Int16Array,Int32Array,Int8Array,Map,Math,Number,Object,Promise,Proxy,RangeError,' +
  'ReferenceError,Reflect,RegExp,Set,SharedArrayBuffer,String,Symbol,SyntaxError,TypeError,URIError,Uint16Array,' +
  'Uint32Array,Uint8Array,Uint8ClampedArray,WeakMap,WeakRef,WeakSet,WebAssembly,isNaN,parseFloat,parseInt}'

/** What a module exports. Names that change while the sandbox runs are left out: nobody may keep a copy. */
interface Exports {
  functions: string[]
  /** Classes and objects: to be had as values only. */
  values: string[]
}

/** Bundles the sandbox in `directory`. Only who may read it and run esbuild calls this. */
export async function bundlePrelude(directory: string): Promise<Prelude> {
  const esbuild = await import('esbuild')
  try {
    return await new PreludeBundler(esbuild, directory).bundle()
  } finally {
    await esbuild.stop()
  }
}

class PreludeBundler {
  readonly #esbuild: Esbuild
  readonly #directory: string
  /** By path: the part that a module is in. */
  readonly #deferred = new Map<string, string>()
  readonly #exports = new Map<string, Promise<Exports>>()
  /** `path#name` of what the main script hands to the parts, in the list's order. */
  readonly #links = new Map<string, number>()

  constructor(esbuild: Esbuild, directory: string) {
    this.#esbuild = esbuild
    this.#directory = directory
  }

  async bundle(): Promise<Prelude> {
    const directory = join(this.#directory, 'parts')
    const files = (await readdir(directory)).filter(name => name.endsWith('.ts')).sort()
    for (const file of files) {
      const source = await readFile(join(directory, file), 'utf8')
      for (const [, module] of source.matchAll(/^export \* from '\.\.\/([\w/-]+\.ts)'$/gm))
        this.#deferred.set(join(this.#directory, module!), basename(file, '.ts'))
    }
    const shared = await this.#mainModules()
    const parts: Record<string, string> = {}
    for (const file of files) {
      parts[basename(file, '.ts')] = await this.#bundlePart(join(directory, file), shared)
    }
    return { main: await this.#bundleMain(), parts }
  }

  /** The paths of all modules in the main script. */
  async #mainModules(): Promise<Set<string>> {
    const entryPoints = [join(this.#directory, 'main.ts')]
    const { metafile } = await this.#esbuild.build({ ...this.#options(null), entryPoints, metafile: true })
    return new Set(Object.keys(metafile.inputs).map(path => join(process.cwd(), path)))
  }

  async #bundlePart(file: string, shared: Set<string>): Promise<string> {
    const options = this.#options(basename(file, '.ts'), shared)
    const { outputFiles } = await this.#esbuild.build({ ...options, entryPoints: [file] })
    const text = outputFiles[0]!.text.replaceAll(/__link\("([^"]+)"\)/g, (_, link: string) => {
      const index = this.#links.get(link) ?? this.#links.size + FIRST_LINK
      this.#links.set(link, index)
      return `__links[${index}]`
    })
    if (text.includes('__link(')) throw new Error(`The links in ${file} could not be read.`)
    return `(__links=>{'use strict';const${INTRINSICS}=__links[0],__part=__links[1];${withReturn(text)}})`
  }

  async #bundleMain(): Promise<string> {
    const imports: string[] = []
    const links: string[] = []
    for (const [link, index] of this.#links) {
      const [path, name] = link.split('#') as [string, string]
      imports.push(`import { ${name} as link${index} } from './${path}'`)
      links.push(`link${index}`)
    }
    const contents = [
      "export * from './main.ts'",
      "import { linkParts, loadPart } from './parts.ts'",
      ...imports,
      `linkParts([__intrinsics, loadPart, ${links.join(', ')}])`,
    ].join('\n')
    const stdin = { contents, loader: 'ts' as const, resolveDir: this.#directory }
    const { outputFiles } = await this.#esbuild.build({ ...this.#options(null), stdin })
    // Strict: of sloppy functions, call sites and `caller` would give guests the functions themselves.
    return (
      `(()=>{'use strict';const${INTRINSICS}=globalThis,__intrinsics=${INTRINSICS};` +
      `${withReturn(outputFiles[0]!.text)}})()`
    )
  }

  #options(part: string | null, shared: ReadonlySet<string> = new Set()) {
    return {
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      target: 'esnext',
      charset: 'ascii',
      minify: true,
      keepNames: false,
      legalComments: 'none',
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
      plugins: [this.#linking(part, shared)],
    } satisfies BuildOptions
  }

  /** Puts other modules in the place of those that are not to be in this bundle. */
  #linking(part: string | null, shared: ReadonlySet<string>): Plugin {
    return {
      name: 'linking',
      setup: build => {
        build.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir, namespace }) => {
          if (namespace !== 'file' && namespace !== '') return undefined
          const file = join(resolveDir, path)
          const home = this.#deferred.get(file)
          const elsewhere = home === undefined ? shared.has(file) : home !== part
          return elsewhere ? { path: file, namespace: 'elsewhere', sideEffects: false } : undefined
        })
        build.onLoad({ filter: /.*/, namespace: 'elsewhere' }, async ({ path }) => {
          const home = this.#deferred.get(path)
          const contents =
            home === undefined ? await this.#linked(path) : await this.#stub(path, home, part !== null)
          return { contents, loader: 'js', resolveDir: this.#directory }
        })
      },
    }
  }

  /** A module of the main script, to a part. */
  async #linked(path: string): Promise<string> {
    const { functions, values } = await this.#exportsOf(path)
    const from = relative(this.#directory, path)
    return [...functions, ...values]
      .map(name => `export const ${name} = /* @__PURE__ */ __link("${from}#${name}")`)
      .join('\n')
  }

  /** A module of a part, to the main script or to another part. */
  async #stub(path: string, home: string, toPart: boolean): Promise<string> {
    const { functions, values } = await this.#exportsOf(path)
    if (toPart) {
      return [...functions, ...values]
        .map(name => `export const ${name} = /* @__PURE__ */ (() => __part("${home}").${name})()`)
        .join('\n')
    }
    return [
      "import { loadPart } from './parts.ts'",
      'let part',
      `const load = () => part ??= loadPart("${home}")`,
      ...functions.map(
        name => `export const ${name} = (a, b, c, d, e, f) => (part ?? load()).${name}(a, b, c, d, e, f)`,
      ),
    ].join('\n')
  }

  #exportsOf(path: string): Promise<Exports> {
    const known = this.#exports.get(path) ?? readExports(path)
    this.#exports.set(path, known)
    return known
  }
}

/** Before the links proper: the intrinsics, and loadPart. */
const FIRST_LINK = 2

async function readExports(path: string): Promise<Exports> {
  const functions: string[] = []
  const values: string[] = []
  const source = await readFile(path, 'utf8')
  for (const [, kind, name, rest] of source.matchAll(
    /^export (?:async )?(function\*?|class|const|let) (\w+)(.*)$/gm,
  )) {
    if (kind === 'function' || (kind === 'let' && rest!.startsWith(': ('))) functions.push(name!)
    else if (kind !== 'let' || !rest!.includes(' = ')) values.push(name!)
  }
  for (const [, names] of source.matchAll(/^export (?:const )?\{([^}]*)\}/gm)) {
    for (const item of names!.split(',')) {
      const name = item
        .split(/:| as /)
        .at(-1)!
        .trim()
      if (/^\w+$/.test(name)) values.push(name)
    }
  }
  return { functions, values }
}

/** The exports of an ES module as a function's value: an object without a prototype. */
function withReturn(module: string): string {
  return module.replace(/export\{([^}]*)\};?\s*$/, (_, list: string) => {
    const names = list.split(',').map(item => {
      const [local, exported = local] = item.trim().split(' as ')
      return `${exported}:${local}`
    })
    return `return{__proto__:null,${names.join(',')}}`
  })
}
