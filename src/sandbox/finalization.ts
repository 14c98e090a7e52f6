/**
 * FinalizationRegistry as apps see it. V8's own calls what it is given from a task of its own, when a call of the host's
 * is over: a loop there nobody would watch, and whoever asked something of the isolate here and now would wait for its
 * end. So V8 only notes what has gone, and the kernel has the callbacks run in a call, as the app's own doing.
 */
import { defineProperty, symbolToStringTag, uncurry } from './primordials.ts'

interface Cell {
  callback: (held: unknown) => unknown
  held: unknown
  next: Cell | null
}

const Native = globalThis.FinalizationRegistry
const nativeRegister = uncurry(Native.prototype.register) as unknown as (
  registry: FinalizationRegistry<Cell>,
  target: unknown,
  cell: Cell,
  token: unknown,
) => void
const nativeUnregister = uncurry(Native.prototype.unregister) as unknown as (
  registry: FinalizationRegistry<Cell>,
  token: unknown,
) => boolean

/** Those whose target has gone, the last one first. A list of their own fields: an array's elements may have setters. */
let gone: Cell | null = null

const note = (cell: Cell): void => {
  cell.next = gone
  gone = cell
}

export class Registry {
  readonly #callback: Cell['callback']
  readonly #native = new Native(note)

  constructor(callback: unknown) {
    if (typeof callback !== 'function')
      throw new TypeError('FinalizationRegistry: the cleanup callback must be a function.')
    this.#callback = callback as Cell['callback']
  }

  register(target: unknown, held: unknown, token: unknown = undefined): void {
    // As of a value that would keep itself: V8 sees the cell.
    if (target === held) throw new TypeError('FinalizationRegistry.register: the target must not be held.')
    nativeRegister(this.#native, target, { callback: this.#callback, held, next: null }, token)
  }

  unregister(token: unknown): boolean {
    return nativeUnregister(this.#native, token)
  }
}

const NAME = 'FinalizationRegistry'
defineProperty(Registry, 'name', { value: NAME, configurable: true })
defineProperty(Registry.prototype, symbolToStringTag, { value: NAME, configurable: true })

/** Whether callbacks wait to be run. */
export function hasFinalizations(): boolean {
  return gone !== null
}

/** Runs a callback that waits. Throws what it throws. */
export function finalizeNext(): void {
  const cell = gone
  if (!cell) return
  gone = cell.next
  const { callback } = cell
  callback(cell.held)
}
