/**
 * The globals that apps see, besides the language's own: the one list of them.
 *
 * Interfaces are writable, configurable and not enumerable, functions and attributes are enumerable, as WebIDL has
 * it.
 */
import { AbortController, AbortSignal } from './abort.ts'
import { addFetchListener, ExecutionContext, FetchEvent } from './app.ts'
import { atob, btoa } from './base64.ts'
import { Blob, File } from './blob.ts'
import { console } from './console.ts'
import { Crypto, crypto } from './crypto.ts'
import { CryptoKey } from './crypto-key.ts'
import { DEFERRED } from './deferred.ts'
import { DOMException, QuotaExceededError } from './dom-exception.ts'
import { TextDecoder, TextEncoder } from './encoding.ts'
import { ErrorEvent } from './error-event.ts'
import { EventTarget } from './event-target.ts'
import { Event } from './events.ts'
import { fetch } from './fetch.ts'
import { Registry } from './finalization.ts'
import { FormData } from './form-data.ts'
import {
  installAttribute,
  installOperation,
  openGlobalScope,
  ServiceWorkerGlobalScope,
  WorkerGlobalScope,
} from './global-scope.ts'
import { Headers } from './headers.ts'
import { MessageEvent } from './message-event.ts'
import { queueMicrotask, reportError } from './microtask.ts'
import { Navigator, navigator } from './navigator.ts'
import { loadPart } from './parts.ts'
import { apply, defineProperty, getOwnPropertyDescriptor, ownKeys, setAdd, setHas } from './primordials.ts'
import { Request } from './request.ts'
import { Response } from './response.ts'
import { structuredClone as cloneValue } from './structured-clone.ts'
import {
  clearInterval,
  clearTimeout,
  scheduler,
  setImmediate,
  setInterval,
  setTimeout,
} from './timer-functions.ts'
import { URL } from './url.ts'
import { URLSearchParams } from './url-search-params.ts'
import { domString, requireArguments } from './webidl.ts'

const INTERFACES = {
  AbortController,
  AbortSignal,
  Blob,
  Crypto,
  CryptoKey,
  DOMException,
  ErrorEvent,
  Event,
  EventTarget,
  ExecutionContext,
  FetchEvent,
  File,
  FormData,
  Headers,
  MessageEvent,
  Navigator,
  QuotaExceededError,
  Request,
  Response,
  ServiceWorkerGlobalScope,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  WorkerGlobalScope,
}

const FUNCTIONS = {
  addEventListener,
  atob,
  btoa,
  clearImmediate: clearTimeout,
  clearInterval,
  clearTimeout,
  fetch,
  queueMicrotask,
  reportError,
  setImmediate,
  setInterval,
  setTimeout,
  structuredClone,
}

const ATTRIBUTES = {
  caches: () => loadPart<typeof import('./parts/cache.ts')>('cache').caches,
  crypto: () => crypto,
  navigator: () => navigator,
  performance: () => loadPart<typeof import('./parts/performance.ts')>('performance').performance,
  scheduler: () => scheduler,
  self: () => globalThis,
}

const { addEventListener: listen } = EventTarget.prototype

function structuredClone(value: unknown, options: unknown = undefined): unknown {
  requireArguments(arguments.length, 1, "Failed to execute 'structuredClone'")
  return cloneValue(value, options)
}

/** `fetch` listeners are the app in service-worker syntax. */
function addEventListener(type: unknown, listener: unknown): void {
  const name = domString(type)
  if (name !== 'fetch') return apply(listen as never, undefined as never, arguments as never)
  if (typeof listener !== 'function')
    throw new TypeError('addEventListener needs a function as its second argument.')
  addFetchListener(listener as (event: unknown) => unknown)
}

export function installGlobals(): void {
  openGlobalScope()
  install(INTERFACES, installInterface)
  install(DEFERRED, (part, { interfaces }) => {
    for (let i = 0; i < interfaces.length; i++) deferInterface(part, interfaces[i]!)
  })
  install(FUNCTIONS, installOperation)
  install(ATTRIBUTES, installAttribute)
  installInterface('console', console)
  installInterface('FinalizationRegistry', Registry)
  // V8 wakes whoever waits when a call of the host's is over, unwatched; and there is no other thread to wake anybody.
  delete (Atomics as { waitAsync?: unknown }).waitAsync
  // An isolate that waits uses no CPU time and answers nobody.
  defineProperty(Atomics, 'wait', {
    value: function wait() {
      throw new TypeError('Atomics.wait cannot be used here: it would stop the whole app.')
    },
    writable: true,
    enumerable: false,
    configurable: true,
  })
}

function installInterface(name: string, value: unknown): void {
  defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true })
}

/** The getters of interfaces whose part is not loaded. */
const deferring = new Set<unknown>()

/** Until somebody asks for one of the part's, or puts something else in its place, it is an accessor. */
function deferInterface(part: string, name: string): void {
  // Without names of their own, which would take as much memory again: there are dozens, in every isolate.
  const get = () => {
    openPart(part)
    return loadPart<Record<string, unknown>>(part)[name]
  }
  const set = (value: unknown) => installInterface(name, value)
  setAdd(deferring, get)
  defineProperty(globalThis, name, { get, set, enumerable: false, configurable: true })
}

/** Loads a part and has its interfaces be there, but for those in whose place the app has put something. */
export function openPart(part: string): void {
  const exported = loadPart<Record<string, unknown>>(part)
  const { interfaces } = DEFERRED[part]!
  for (let i = 0; i < interfaces.length; i++) {
    const getter = getOwnPropertyDescriptor(globalThis, interfaces[i]!)?.get
    if (setHas(deferring, getter)) installInterface(interfaces[i]!, exported[interfaces[i]!])
  }
}

function install<Value>(values: Record<string, Value>, put: (name: string, value: Value) => void): void {
  const names = ownKeys(values) as string[]
  for (let i = 0; i < names.length; i++) put(names[i]!, values[names[i]!]!)
}
