/**
 * An app's modules in its isolate: ES modules, and text, data, JSON and WebAssembly as modules with one default
 * export, each under its name in the bundle.
 */
import { posix } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type ivm from 'isolated-vm'
import { type BundleModule, STEP_BYTES } from '../bundle.ts'
import { type CompiledApp, type Transferable, transfer } from './isolate.ts'
import type { InstanceSpec } from './messages.ts'

interface AppParts {
  isolate: ivm.Isolate
  context: ivm.Context
  /** Sets a global for the next script to pick up; undefined removes it. */
  expose: (name: string, value: Transferable) => Promise<void>
  /** Takes the main module's namespace, or none for service-worker syntax. The handlers' names, with commas. */
  register: (namespace: Transferable) => Promise<string>
  spec: InstanceSpec
  modules: BundleModule[]
}

/** A name that no app can know while its modules are linked, and that is gone before its code runs. */
const HANDOVER = 'vitrine:handover'

/** They are resolved on the thread that serves all apps of the process: some 0.2 s of its time. */
const IMPORTS_MAX = 50_000

const BUILT_IN_NAME = 'cloudflare:workers'
const BUILT_IN = `const api = globalThis["${HANDOVER}"];
export const { WorkerEntrypoint, env, waitUntil } = api;`

export async function compileApp(parts: AppParts): Promise<CompiledApp> {
  const { isolate, context, spec, modules } = parts
  const byName = new Map(
    modules.filter(module => module.type !== 'sourcemap').map(module => [module.name, module]),
  )
  const main = byName.get(spec.main)
  if (!main) throw bundleError(`The bundle has no module ${JSON.stringify(spec.main)}.`)
  if (spec.syntax === 'service-worker') return compileScript(parts, main, byName)

  const compiled = new Map<string, ivm.Module>()
  const names = new Map<ivm.Module, string>()
  const load = async (name: string): Promise<ivm.Module> => {
    const known = compiled.get(name)
    if (known) return known
    const module = byName.get(name)!
    const made =
      module.type === 'esm'
        ? await isolate.compileModule(await sourceOf(module), { filename: name })
        : await valueModule(parts, module)
    compiled.set(name, made)
    names.set(made, name)
    return made
  }
  // All imports are looked up first, so that a missing one is said before anything runs.
  let imports = 0
  const pending = [spec.main]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (compiled.has(name)) continue
    const module = await load(name)
    imports += module.dependencySpecifiers.length
    if (imports > IMPORTS_MAX)
      throw bundleError(`Its modules have more than ${IMPORTS_MAX} imports: bundle them.`)
    for (const specifier of module.dependencySpecifiers) {
      if (specifier !== BUILT_IN_NAME) pending.push(resolveSpecifier(specifier, name, byName))
      else if (!compiled.has(specifier)) compiled.set(specifier, await builtIn(parts))
    }
  }
  const mainModule = compiled.get(spec.main)!
  const resolve = (specifier: string, referrer: ivm.Module) => {
    if (specifier === BUILT_IN_NAME) return compiled.get(specifier)!
    return compiled.get(resolveSpecifier(specifier, names.get(referrer) ?? spec.main, byName))!
  }
  // One module is linked here and now: no guest's code runs. What several export again and again takes V8 as long as
  // their author likes: that is the isolate's time.
  const isAlone = [...compiled.keys()].every(name => name === spec.main || byName.get(name)?.type !== 'esm')
  if (isAlone) mainModule.instantiateSync(context, resolve)
  else await mainModule.instantiate(context, resolve)
  return {
    evaluate: async () => {
      await mainModule.evaluate()
      return handlerNames(await registerMain(parts, mainModule))
    },
  }
}

async function compileScript(
  parts: AppParts,
  main: BundleModule,
  byName: Map<string, BundleModule>,
): Promise<CompiledApp> {
  const script = await parts.isolate.compileScript(await sourceOf(main), { filename: main.name })
  return {
    evaluate: async () => {
      // In this syntax text, data and WebAssembly are globals named after their files' stems.
      for (const module of byName.values()) {
        if (module === main) continue
        await parts.expose(HANDOVER, handover(module))
        const name = JSON.stringify(posix.basename(module.name).replace(/\W/g, '_'))
        await parts.context.eval(`globalThis[${name}] = ${expression(module)}`)
        await parts.expose(HANDOVER, undefined)
      }
      await script.run(parts.context)
      return handlerNames(await parts.register(undefined))
    },
  }
}

async function registerMain(parts: AppParts, main: ivm.Module): Promise<string> {
  try {
    return await parts.register(main.namespace.derefInto())
  } catch (error) {
    // The exports of a module that still awaits are not initialized.
    if (!(error instanceof ReferenceError)) throw error
    throw bundleError(
      'The top level still awaits something: it may not wait for requests, timers or fetches.',
    )
  }
}

/** What the isolate says about its handlers is the app's word. */
function handlerNames(list: string): string[] {
  return String(list).slice(0, HANDLERS_CHARS_MAX).split(',')
}

const HANDLERS_CHARS_MAX = 256

/** An error that has no place in the app's code: its stack would show the host's. */
function bundleError(message: string): Error {
  const error = new Error(message)
  error.stack = message
  return error
}

function resolveSpecifier(specifier: string, importer: string, byName: Map<string, BundleModule>): string {
  const relative = posix.normalize(posix.join(posix.dirname(importer), specifier))
  for (const name of [relative, specifier, specifier.replace(/^\.\//, '')]) {
    if (byName.has(name)) return name
  }
  const hint = specifier.startsWith('node:')
    ? 'Node.js modules are not part of this platform; bundle a replacement.'
    : 'Bundle it with the app.'
  throw bundleError(`${importer} imports ${JSON.stringify(specifier)}, which is not in the bundle. ${hint}`)
}

/** A module whose default export is the bundle module's value. */
async function valueModule(parts: AppParts, module: BundleModule): Promise<ivm.Module> {
  await parts.expose(HANDOVER, handover(module))
  try {
    return await evaluated(parts, `export default ${expression(module)}`, module.name)
  } finally {
    await parts.expose(HANDOVER, undefined)
  }
}

async function builtIn(parts: AppParts): Promise<ivm.Module> {
  await parts.expose(HANDOVER, BUILT_IN_NAME)
  try {
    return await evaluated(parts, BUILT_IN, BUILT_IN_NAME)
  } finally {
    await parts.expose(HANDOVER, undefined)
  }
}

async function evaluated(parts: AppParts, code: string, filename: string): Promise<ivm.Module> {
  const module = await parts.isolate.compileModule(code, { filename })
  await module.instantiate(parts.context, () => {
    throw bundleError('A value imports nothing.')
  })
  await module.evaluate()
  return module
}

function handover(module: BundleModule): Transferable {
  if (module.type === 'text' || module.type === 'json') return decode(module.content)
  const copy = new Uint8Array(module.content.byteLength)
  copy.set(module.content)
  return transfer(copy.buffer)
}

function expression(module: BundleModule): string {
  const value = `globalThis["${HANDOVER}"]`
  if (module.type === 'wasm') return `new WebAssembly.Module(${value})`
  if (module.type === 'json') return `JSON.parse(${value})`
  return value
}

/** Decoding it and handing it over, which copies it, are a stretch of this thread each. */
async function sourceOf({ content }: BundleModule): Promise<string> {
  const source = decode(content)
  if (content.byteLength > STEP_BYTES) await nextTurn()
  return source
}

function decode(content: Uint8Array): string {
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength).utf8Slice(0, content.byteLength)
}
