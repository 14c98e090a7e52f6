/**
 * A bundle: the modules of one version of an app, as one byte string that the store keeps under its hash,
 * the protocol carries and the runtime unpacks.
 *
 * Layout: u32le length of a JSON index `[{name,type,size}…]`, the index, the contents in its order.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

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
  const index = Buffer.from(
    JSON.stringify(modules.map(({ name, type, content }) => ({ name, type, size: content.byteLength }))),
  )
  const length = Buffer.alloc(4)
  length.writeUInt32LE(index.byteLength)
  return Buffer.concat([length, index, ...modules.map(module => module.content)])
}

/** Unpacks what `encodeBundle` packed; the contents are views of `bytes`. Asserts that the layout is sound. */
export function decodeBundle(bytes: Buffer): BundleModule[] {
  const indexEnd = 4 + bytes.readUInt32LE(0)
  assert(indexEnd <= bytes.byteLength, 'bundle index runs past the end')
  const index = JSON.parse(bytes.toString('utf8', 4, indexEnd)) as {
    name: string
    type: ModuleType
    size: number
  }[]
  let offset = indexEnd
  return index.map(({ name, type, size }) => {
    assert(MODULE_TYPES.includes(type) && offset + size <= bytes.byteLength, 'bundle index is unsound')
    const content = bytes.subarray(offset, offset + size)
    offset += size
    return { name, type, content }
  })
}

/** SHA-256 of a packed bundle, in hex: its name in the store. */
export function bundleHash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
