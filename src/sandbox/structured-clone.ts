/**
 * structuredClone (https://html.spec.whatwg.org/#structured-cloning), in the standard's two steps:
 * structured-serialize.ts reads the value into nodes; here copies are made of them, and no code of a guest runs.
 */
import {
  arrayBufferTransfer,
  arrayPush,
  defineProperty,
  isArrayBuffer,
  mapSet,
  setAdd,
  typedArrayByteLength,
  typedArraySet,
} from './primordials.ts'
import { dataCloneError, type Item, type Node, Serializer } from './structured-serialize.ts'
import { dictionary, isObject, requireArguments, sequence } from './webidl.ts'

/** Objects besides ArrayBuffers that can be transferred: who else can, and how, their modules know. */
export interface Transferable {
  is(object: object): boolean
  /** Whether it has not been transferred or closed already. */
  canMove(object: object): boolean
  /** Takes what it stands for away from it; the object that stands for it from now on. */
  move(object: object): object
}

const transferables: Transferable[] = []

export function registerTransferable(kind: Transferable): void {
  arrayPush(transferables, kind)
}

/** A copy of the value. `options.transfer`: the objects that move to it, the bytes of ArrayBuffers for one. */
export function structuredClone<T>(value: T, options: unknown = undefined): T {
  const context = "Failed to execute 'structuredClone'"
  requireArguments(arguments.length, 1, context)
  const { transfer } = dictionary(options, context)
  const objects = transfer === undefined ? [] : sequence(transfer, item => objectIn(item, context), context)
  return cloneWithTransfer(value, objects, context).value as T
}

/** The copy, and what the transferred objects have become, in their order. */
export function cloneWithTransfer(
  value: unknown,
  objects: readonly object[],
  context: string,
): { value: unknown; transferred: object[] } {
  const serializer = new Serializer()
  const moving: (Node & { kind: 'transferred' })[] = []
  for (let i = 0; i < objects.length; i++) {
    const object = objects[i]!
    if (!isArrayBuffer(object) && kindOf(object) === undefined)
      throw dataCloneError(`${context}: An object of this kind cannot be transferred.`)
    arrayPush(moving, serializer.transfer(object))
  }
  const item = serializer.serialize(value)
  const transferred: object[] = []
  for (let i = 0; i < moving.length; i++) {
    const copy = move(moving[i]!.object)
    moving[i]!.copy = copy
    arrayPush(transferred, copy)
  }
  return { value: build(item), transferred }
}

function objectIn(value: unknown, context: string): object {
  if (!isObject(value)) throw new TypeError(`${context}: A member of transfer is not of type 'object'.`)
  return value
}

function kindOf(object: object): Transferable | undefined {
  for (let i = 0; i < transferables.length; i++) if (transferables[i]!.is(object)) return transferables[i]
  return undefined
}

function move(object: object): object {
  if (isArrayBuffer(object)) return moveBuffer(object)
  const kind = kindOf(object)!
  if (kind.canMove(object)) return kind.move(object)
  throw dataCloneError('An object that was closed or transferred already cannot be transferred.')
}

function moveBuffer(buffer: ArrayBuffer): ArrayBuffer {
  try {
    return arrayBufferTransfer(buffer)
  } catch {
    throw dataCloneError('A detached or WebAssembly ArrayBuffer could not be transferred.')
  }
}

function build(item: Item): unknown {
  return typeof item === 'object' && item !== null ? buildNode(item) : item
}

/** The copy is known to its node before the copies of what it refers to are made, so that cycles close. */
function buildNode(node: Node): object {
  if (node.copy !== undefined) return node.copy
  switch (node.kind) {
    case 'boxed':
      return keep(node, Object(node.value))
    case 'date':
      return keep(node, new Date(node.time))
    case 'regexp':
      return keep(node, new RegExp(node.source, node.flags))
    case 'made':
      return keep(node, node.make())
    case 'buffer':
      return keep(node, buildBuffer(node.bytes, node.bytesMax))
    case 'view':
      return keep(node, buildView(node))
    case 'map':
      return buildMap(node)
    case 'set':
      return buildSet(node)
    case 'error':
      return buildError(node)
    case 'object':
      return buildProperties(node)
    case 'transferred':
      throw new Error('A transferred object has its copy before any node is built.')
  }
}

function keep<T extends object>(node: Node, copy: T): T {
  node.copy = copy
  return copy
}

function buildBuffer(bytes: Uint8Array, bytesMax: number | undefined): ArrayBuffer {
  const length = typedArrayByteLength(bytes)
  const buffer =
    bytesMax === undefined ? new ArrayBuffer(length) : new ArrayBuffer(length, { maxByteLength: bytesMax })
  typedArraySet(new Uint8Array(buffer), bytes)
  return buffer
}

type ViewConstructor = new (buffer: ArrayBuffer, offset: number, length?: number) => ArrayBufferView

const VIEWS: Record<string, ViewConstructor> = {
  BigInt64Array,
  BigUint64Array,
  DataView,
  Float16Array,
  Float32Array,
  Float64Array,
  Int16Array,
  Int32Array,
  Int8Array,
  Uint16Array,
  Uint32Array,
  Uint8Array,
  Uint8ClampedArray,
}

function buildView({ type, buffer, offset, length }: Node & { kind: 'view' }): ArrayBufferView {
  const View = VIEWS[type]!
  const copy = build(buffer) as ArrayBuffer
  return length === undefined ? new View(copy, offset) : new View(copy, offset, length)
}

function buildMap(node: Node & { kind: 'map' }): Map<unknown, unknown> {
  const copy = keep(node, new Map<unknown, unknown>())
  const { items } = node
  for (let i = 0; i < items.length; i += 2) mapSet(copy, build(items[i]), build(items[i + 1]))
  return copy
}

function buildSet(node: Node & { kind: 'set' }): Set<unknown> {
  const copy = keep(node, new Set<unknown>())
  for (let i = 0; i < node.items.length; i++) setAdd(copy, build(node.items[i]))
  return copy
}

const ERRORS: Record<string, ErrorConstructor> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

function buildError(node: Node & { kind: 'error' }): Error {
  const copy = keep(node, new ERRORS[node.name]!())
  if (node.message !== undefined) defineHidden(copy, 'message', node.message)
  defineHidden(copy, 'stack', node.stack)
  if (node.cause !== undefined) defineHidden(copy, 'cause', build(node.cause))
  return copy
}

function defineHidden(object: object, key: string, value: unknown): void {
  defineProperty(object, key, { value, writable: true, enumerable: false, configurable: true })
}

function buildProperties(node: Node & { kind: 'object' }): object {
  const copy = keep<object>(node, node.length === undefined ? {} : [])
  if (node.length !== undefined) (copy as unknown[]).length = node.length
  for (let i = 0; i < node.keys.length; i++) {
    const key = node.keys[i]!
    const value = build(node.values[i])
    // Assigning is faster, but may meet a setter, as that of __proto__.
    if (key in copy)
      defineProperty(copy, key, { value, writable: true, enumerable: true, configurable: true })
    else (copy as Record<string, unknown>)[key] = value
  }
  return copy
}
