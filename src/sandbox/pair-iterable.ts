/**
 * WebIDL's pair iterators, of interfaces that are lists of names and values.
 */
import {
  apply,
  defineProperty,
  getPrototypeOf,
  setPrototypeOf,
  symbolIterator,
  symbolToStringTag,
} from './primordials.ts'
import { callbackFunction, type InterfaceClass, requireArguments } from './webidl.ts'

const iteratorPrototype = getPrototypeOf(getPrototypeOf([][symbolIterator]()))

export interface PairIterable<T, K, V> {
  /** Throws a TypeError unless `target` is an instance. */
  check: (target: T) => void
  /** The entry at `index` of what the target holds now, or undefined past the end. */
  entryAt: (target: T, index: number) => readonly [K, V] | undefined
}

/** Gives a class `entries`, `forEach`, `keys`, `values` and `Symbol.iterator`, live as WebIDL's pair iterators are. */
export function definePairIterable<T, K, V>(
  name: string,
  Class: InterfaceClass,
  { check, entryAt }: PairIterable<T, K, V>,
): void {
  class PairIterator {
    #target: T
    #kind: 'entries' | 'keys' | 'values'
    #index = 0

    constructor(target: T, kind: 'entries' | 'keys' | 'values') {
      this.#target = target
      this.#kind = kind
    }

    next(): { value: unknown; done: boolean } {
      const entry = entryAt(this.#target, this.#index)
      if (entry === undefined) return { value: undefined, done: true }
      this.#index++
      const value =
        this.#kind === 'entries' ? [entry[0], entry[1]] : this.#kind === 'keys' ? entry[0] : entry[1]
      return { value, done: false }
    }
  }
  const { prototype } = PairIterator
  delete (prototype as { constructor?: unknown }).constructor
  setPrototypeOf(prototype, iteratorPrototype)
  defineProperty(prototype, 'next', { enumerable: true })
  defineProperty(prototype, symbolToStringTag, { value: `${name} Iterator`, configurable: true })

  const members = {
    entries(this: T) {
      check(this)
      return new PairIterator(this, 'entries')
    },
    forEach(this: T, callback: unknown, thisArgument: unknown = undefined) {
      check(this)
      const context = `Failed to execute 'forEach' on '${name}'`
      requireArguments(arguments.length, 1, context)
      const each = callbackFunction(callback, `${context}: parameter 1`)
      for (let i = 0; ; i++) {
        const entry = entryAt(this, i)
        if (entry === undefined) return
        apply(each, thisArgument, [entry[1], entry[0], this])
      }
    },
    keys(this: T) {
      check(this)
      return new PairIterator(this, 'keys')
    },
    values(this: T) {
      check(this)
      return new PairIterator(this, 'values')
    },
  }
  const names = ['entries', 'forEach', 'keys', 'values'] as const
  for (let i = 0; i < names.length; i++) {
    const value = members[names[i]!]
    defineProperty(Class.prototype, names[i]!, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  defineProperty(Class.prototype, symbolIterator, {
    value: members.entries,
    writable: true,
    configurable: true,
  })
}
