/**
 * What inspecting needs to know about objects without running anything of a guest: whose instance one is, an error's
 * stack, and what is worth showing of the platform's own objects, whose state their prototypes' getters tell.
 */
import { AbortSignal } from './abort.ts'
import { Blob, File } from './blob.ts'
import { Event } from './events.ts'
import { FormData } from './form-data.ts'
import { Headers } from './headers.ts'
import { apply, arrayPush, getOwnPropertyDescriptor, getPrototypeOf, mapGet, mapSet } from './primordials.ts'
import { Request } from './request.ts'
import { Response } from './response.ts'
import { URL } from './url.ts'
import { URLSearchParams } from './url-search-params.ts'

/** How far up prototypes are followed: those of proxies may never end. */
const PROTOTYPES_MAX = 100

/** The name of the constructor that the nearest prototype tells of; undefined if there is none. */
export function className(object: object): string | undefined {
  let o: object | null = object
  for (let i = 0; o !== null && i < PROTOTYPES_MAX; i++, o = getPrototypeOf(o)) {
    const maker = getOwnPropertyDescriptor(o, 'constructor')?.value as unknown
    if (typeof maker !== 'function') continue
    const name = getOwnPropertyDescriptor(maker, 'name')?.value as unknown
    if (typeof name === 'string' && name !== '') return name
  }
  return undefined
}

/** The engine's accessor, the same for all errors. */
const stackGetter = getOwnPropertyDescriptor(new Error(), 'stack')!.get

/** The stack of an error, unless a guest has put a getter of its own there. */
export function readStack(error: object): string | undefined {
  const property = getOwnPropertyDescriptor(error, 'stack')
  if (property === undefined) return undefined
  const stack: unknown =
    property.get === undefined
      ? property.value
      : property.get === stackGetter
        ? apply(stackGetter, error, [])
        : ''
  return typeof stack === 'string' ? stack : undefined
}

type Entries = [string, unknown][]
type Describe = (object: object) => Entries

/** By prototype. */
const describers = new Map<object, Describe>()

interface WithPrototype {
  prototype: object
}

function showAttributes(Class: WithPrototype, names: string[]): void {
  const getters: (() => unknown)[] = []
  for (let i = 0; i < names.length; i++) {
    for (let o: object | null = Class.prototype; o !== null; o = getPrototypeOf(o)) {
      const getter = getOwnPropertyDescriptor(o, names[i]!)?.get
      if (getter === undefined) continue
      arrayPush(getters, getter)
      break
    }
  }
  mapSet(describers, Class.prototype, object => {
    const entries: Entries = []
    for (let i = 0; i < names.length; i++) arrayPush(entries, [names[i]!, apply(getters[i]!, object, [])])
    return entries
  })
}

function showPairs(Class: WithPrototype): void {
  const { forEach } = Class.prototype as { forEach: (each: (value: unknown, key: string) => void) => void }
  mapSet(describers, Class.prototype, object => {
    const entries: Entries = []
    apply(forEach, object, [(value: unknown, key: string) => arrayPush(entries, [key, value])])
    return entries
  })
}

showAttributes(AbortSignal, ['aborted', 'reason'])
showAttributes(Blob, ['size', 'type'])
showAttributes(Event, ['type', 'defaultPrevented', 'cancelable', 'timeStamp'])
showAttributes(File, ['name', 'size', 'type', 'lastModified'])
showAttributes(Request, ['method', 'url', 'headers', 'redirect', 'signal'])
showAttributes(Response, ['status', 'statusText', 'headers', 'ok', 'redirected', 'type', 'url'])
showAttributes(URL, ['href', 'origin', 'protocol', 'host', 'pathname', 'search', 'hash'])
showPairs(FormData)
showPairs(Headers)
showPairs(URLSearchParams)

/** What to show of an object of the platform instead of its properties; undefined for all others. */
export function platformEntries(object: object): Entries | undefined {
  let o: object | null = getPrototypeOf(object)
  for (let i = 0; o !== null && i < PROTOTYPES_MAX; i++, o = getPrototypeOf(o)) {
    const describe = mapGet(describers, o)
    if (describe === undefined) continue
    try {
      return describe(object)
    } catch {
      return undefined
    }
  }
  return undefined
}
