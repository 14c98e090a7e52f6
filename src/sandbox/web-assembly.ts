/**
 * WebAssembly as apps see it, with their memories counted: they lie outside of the heap and of all that V8 tells of an
 * isolate.
 *
 * Seen are memories that JavaScript makes or that an instance imports or exports: what toolchains produce. One that a
 * module keeps to itself is not; that its process grows shows then, and only that.
 */
import {
  arrayBufferByteLength,
  arrayPush,
  construct,
  defineProperty,
  getOwnPropertyDescriptor,
  isSharedArrayBuffer,
  ownKeys,
  sharedArrayBufferByteLength,
  uncurry,
} from './primordials.ts'
import { CONTROL } from './wire.ts'

type Constructor = (new (...args: unknown[]) => object) & { prototype: object }

const api = (globalThis as unknown as { WebAssembly: Record<string, unknown> }).WebAssembly
const Memory = api.Memory as Constructor
const Instance = api.Instance as Constructor
const Module = api.Module as Constructor & { exports: (module: unknown) => unknown }
const { exports: exportsOfModule } = Module
const bufferOf = uncurry(getOwnPropertyDescriptor(Memory.prototype, 'buffer')!.get!) as (
  memory: unknown,
) => ArrayBuffer
const exportsOf = uncurry(getOwnPropertyDescriptor(Instance.prototype, 'exports')!.get!) as (
  instance: unknown,
) => object
const deref = uncurry(WeakRef.prototype.deref) as (ref: WeakRef<object>) => unknown
const weakSetHas = uncurry(WeakSet.prototype.has) as (set: WeakSet<object>, value: unknown) => boolean
const weakSetAdd = uncurry(WeakSet.prototype.add) as (set: WeakSet<object>, value: object) => unknown

const known = new WeakSet<object>()
let memories: WeakRef<object>[] = []
let bytes = 0
let control: Int32Array | null = null

/** Where the sum is told from now on. */
export function tellWasmMemory(controlMemory: SharedArrayBuffer): void {
  control = new Int32Array(controlMemory)
  tell()
}

/** Counts again: memories grow and die without a word. */
export function countWasmMemory(): void {
  if (memories.length === 0) return
  const alive: WeakRef<object>[] = []
  bytes = 0
  for (let i = 0; i < memories.length; i++) {
    const memory = deref(memories[i]!)
    if (memory === undefined) continue
    arrayPush(alive, memories[i]!)
    bytes += sizeOf(memory)
  }
  memories = alive
  tell()
}

function tell(): void {
  if (control) control[CONTROL.wasmKib] = bytes / 1024
}

function sizeOf(memory: unknown): number {
  const buffer = bufferOf(memory)
  return isSharedArrayBuffer(buffer) ? sharedArrayBufferByteLength(buffer) : arrayBufferByteLength(buffer)
}

function watch(memory: unknown): void {
  if (weakSetHas(known, memory)) return
  weakSetAdd(known, memory as object)
  arrayPush(memories, new WeakRef(memory as object))
  bytes += sizeOf(memory)
  tell()
}

function watchExports(instance: unknown): void {
  const exported = exportsOf(instance) as Record<PropertyKey, unknown>
  const names = ownKeys(exported)
  for (let i = 0; i < names.length; i++) {
    const value = exported[names[i]!]
    if (isMemory(value)) watch(value)
  }
}

function isMemory(value: unknown): boolean {
  try {
    bufferOf(value)
    return true
  } catch {
    return false
  }
}

/**
 * Puts watching constructors in the place of V8's, and functions that compile here and now in the place of those that
 * compile on threads: CPU time spent there is no one's, and nobody wakes an isolate that waits for them.
 */
export function installWebAssembly(): void {
  replace('Memory', Memory, watch)
  replace('Instance', Instance, watchExports)
  put(api, 'compile', asynchronous.compile)
  put(api, 'instantiate', asynchronous.instantiate)
}

const asynchronous = {
  async compile(bytes: unknown): Promise<object> {
    return new Module(bytes)
  },
  async instantiate(source: unknown, ...rest: unknown[]): Promise<object> {
    const module = isModule(source) ? null : new Module(source)
    const instance = new Instance(module ?? source, rest[0])
    watchExports(instance)
    return module ? { module, instance } : instance
  },
}

function isModule(value: unknown): boolean {
  try {
    exportsOfModule(value)
    return true
  } catch {
    return false
  }
}

function replace(name: string, original: Constructor, seen: (made: object) => void): void {
  const handler = {
    __proto__: null,
    construct(target: Constructor, args: unknown[], newTarget: Constructor) {
      const made = construct(target, args, newTarget) as object
      seen(made)
      return made
    },
  }
  const watched = new Proxy(original, handler as ProxyHandler<Constructor>)
  put(api, name, watched)
  put(original.prototype, 'constructor', watched)
}

function put(object: object, name: string, value: unknown): void {
  const descriptor = getOwnPropertyDescriptor(object, name)!
  descriptor.value = value
  defineProperty(object, name, descriptor)
}
