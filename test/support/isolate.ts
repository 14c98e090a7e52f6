/**
 * Runs modules of the sandbox where they live: bundled, in a bare isolate.
 */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import ivm from 'isolated-vm'

export interface SandboxOptions {
  /** Parts that `loadPart` can find, by the names of their files in src/sandbox/parts. */
  parts?: string[]
  memoryMb?: number
}

export interface Sandbox extends AsyncDisposable {
  /**
   * The value of an expression, or the last one of a script, in which `sandbox` is the module's exports. A promise
   * is awaited; the value is copied.
   */
  run(code: string): Promise<unknown>
}

const sandboxDirectory = new URL('../../src/sandbox/', import.meta.url)

/** An isolate with the exports of the given TypeScript source, whose imports are relative to src/sandbox. */
export async function openSandbox(
  source: string,
  { parts = [], memoryMb = 128 }: SandboxOptions = {},
): Promise<Sandbox> {
  const isolate = new ivm.Isolate({ memoryLimit: memoryMb })
  const context = await isolate.createContext()
  await context.eval(`${await bundle({ source })};`)
  await installParts(context, parts)
  return {
    run: code => context.eval(code, { copy: true, promise: true }),
    async [Symbol.asyncDispose]() {
      context.release()
      if (!isolate.isDisposed) isolate.dispose()
    },
  }
}

/** Hands the parts over as the kernel does: one shared memory and an index. */
async function installParts(context: ivm.Context, names: string[]): Promise<void> {
  if (names.length === 0) return
  const index: Record<string, [number, number]> = {}
  const texts: Buffer[] = []
  let offset = 0
  for (const name of names) {
    const text = Buffer.from(partFunction(await bundle({ part: name })), 'latin1')
    index[name] = [offset, text.length]
    texts.push(text)
    offset += text.length
  }
  const memory = new SharedArrayBuffer(offset)
  Buffer.from(memory).set(Buffer.concat(texts))
  await context.evalClosure('sandbox.installParts($0, $1)', [
    new ivm.ExternalCopy(memory).copyInto(),
    new ivm.ExternalCopy(index).copyInto(),
  ])
}

/** An IIFE with a global name declares a variable: this gives a function of the expression that it is set to. */
function partFunction(script: string): string {
  const expression = script.replace(/^"use strict";\s*/, '').replace(/^var sandbox = /, '')
  return `(() => ${expression.replace(/;\s*$/, '')})`
}

type Input = { source: string } | { part: string }

/** Each bundle is made once in a process. */
const bundles = new Map<string, Promise<string>>()

function bundle(input: Input): Promise<string> {
  const key = JSON.stringify(input)
  const made = bundles.get(key) ?? makeBundle(input)
  bundles.set(key, made)
  return made
}

async function makeBundle(input: Input): Promise<string> {
  const { outputFiles } = await build({
    ...('source' in input
      ? { stdin: { contents: input.source, loader: 'ts', resolveDir: fileURLToPath(sandboxDirectory) } }
      : { entryPoints: [fileURLToPath(new URL(`parts/${input.part}.ts`, sandboxDirectory))] }),
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'sandbox',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'esnext',
    charset: 'ascii',
    logLevel: 'silent',
  })
  return outputFiles[0]!.text
}
