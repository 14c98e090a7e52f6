/**
 * A bundle: the modules of one version of an app, as one byte string that the store keeps under its hash,
 * the protocol carries and the runtime unpacks.
 *
 * Layout: u32le length of a JSON index `[{name,type,size}…]`, the index, the contents in its order.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** What a module is to the app that imports it. `script` is a service worker's body. */
export const MODULE_TYPES = ['esm', 'script', 'text', 'data', 'json', 'wasm', 'sourcemap'] as const
export type ModuleType = (typeof MODULE_TYPES)[number]

/** `name` is the specifier under which other modules import it, relative to the bundle's root: `lib/a.js`. */
export interface BundleModule {
  name: string
  type: ModuleType
  content: Uint8Array
}

/** Packs modules, the main one first. */
export function encodeBundle(modules: readonly BundleModule[]): Buffer {
  return Buffer.concat([
    head(modules.map(({ name, type, content }) => ({ name, type, size: content.byteLength }))),
    ...modules.map(module => module.content),
  ])
}

/** Packs as `encodeBundle` does, from contents in pieces, in steps between which the event loop goes on. */
export async function packBundle(
  modules: readonly { name: string; type: ModuleType; pieces: readonly Uint8Array[] }[],
): Promise<Buffer> {
  const sizeOf = (pieces: readonly Uint8Array[]) => pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  const index = modules.map(({ name, type, pieces }) => ({ name, type, size: sizeOf(pieces) }))
  const start = head(index)
  const bytes = Buffer.allocUnsafeSlow(index.reduce((sum, { size }) => sum + size, start.byteLength))
  let offset = start.copy(bytes)
  let pauseAt = STEP_BYTES
  for (const piece of modules.flatMap(module => module.pieces)) {
    for (let done = 0; done < piece.byteLength; done += STEP_BYTES) {
      if (offset >= pauseAt) {
        await nextTurn()
        pauseAt = offset + STEP_BYTES
      }
      const part = piece.subarray(done, done + STEP_BYTES)
      bytes.set(part, offset)
      offset += part.byteLength
    }
  }
  return bytes
}

/** As much of a bundle as an event loop handles at a time. */
export const STEP_BYTES = 256 * 1024

function head(index: readonly Entry[]): Buffer {
  const text = Buffer.from(JSON.stringify(index))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.byteLength)
  return Buffer.concat([length, text])
}

/**
 * Unpacks what `encodeBundle` packed, or its `executablePart`; the contents are views of `bytes`. Asserts that the layout is
 * sound.
 */
export function decodeBundle(bytes: Buffer): BundleModule[] {
  const { index, end } = readIndex(bytes)
  let offset = end
  const modules: BundleModule[] = []
  for (const { name, type, size } of index) {
    if (type === 'sourcemap' && offset === bytes.byteLength) break
    assert(MODULE_TYPES.includes(type) && offset + size <= bytes.byteLength, 'bundle index is unsound')
    modules.push({ name, type, content: bytes.subarray(offset, offset + size) })
    offset += size
  }
  return modules
}

/** What it takes to run a bundle: all but the source maps at its end. Of one that cannot be read, all of it. */
export function executablePart(bytes: Buffer): Buffer {
  try {
    const { index, end } = readIndex(bytes)
    const last = index.findLastIndex(({ type }) => type !== 'sourcemap')
    const codeBytes = index.slice(0, last + 1).reduce((sum, { size }) => sum + size, 0)
    return bytes.subarray(0, end + codeBytes)
  } catch {
    return bytes
  }
}

interface Entry {
  name: string
  type: ModuleType
  size: number
}

function readIndex(bytes: Buffer): { index: Entry[]; end: number } {
  const end = 4 + bytes.readUInt32LE(0)
  assert(end <= bytes.byteLength, 'bundle index runs past the end')
  return { index: JSON.parse(bytes.toString('utf8', 4, end)) as Entry[], end }
}

/** SHA-256 of a packed bundle, in hex: its name in the store. */
export function bundleHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** As `bundleHash`, in steps between which the event loop goes on. */
export async function hashInSteps(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256')
  for (let from = 0; from < bytes.byteLength; from += STEP_BYTES) {
    if (from > 0) await nextTurn()
    hash.update(bytes.subarray(from, from + STEP_BYTES))
  }
  return hash.digest('hex')
}
