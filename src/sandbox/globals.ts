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
import { Cache, CacheStorage, caches } from './cache.ts'
import { CloseEvent } from './close-event.ts'
import { CompressionStream, DecompressionStream } from './compression-streams.ts'
import { console } from './console.ts'
import { Crypto, crypto } from './crypto.ts'
import { CryptoKey } from './crypto-key.ts'
import { DOMException, QuotaExceededError } from './dom-exception.ts'
import { TextDecoder, TextEncoder } from './encoding.ts'
import { CustomEvent, ErrorEvent, PromiseRejectionEvent } from './event-kinds.ts'
import { EventSource } from './event-source.ts'
import { EventTarget } from './event-target.ts'
import { Event } from './events.ts'
import { fetch } from './fetch.ts'
import { FormData } from './form-data.ts'
import {
  installAttribute,
  installOperation,
  openGlobalScope,
  ServiceWorkerGlobalScope,
  WorkerGlobalScope,
} from './global-scope.ts'
import { Headers } from './headers.ts'
import { HTMLRewriter } from './html-rewriter.ts'
import { FixedLengthStream, IdentityTransformStream } from './identity-stream.ts'
import { MessageChannel, MessagePort } from './message-channel.ts'
import { MessageEvent } from './message-event.ts'
import { queueMicrotask, reportError } from './microtask.ts'
import { Navigator, navigator } from './navigator.ts'
import { Performance, performance } from './performance.ts'
import {
  PerformanceEntry,
  PerformanceObserver,
  PerformanceObserverEntryList,
} from './performance-timeline.ts'
import { apply, defineProperty, ownKeys } from './primordials.ts'
import { Request } from './request.ts'
import { Response } from './response.ts'
import {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from './streams.ts'
import { structuredClone } from './structured-clone.ts'
import { SubtleCrypto } from './subtle-crypto.ts'
import { TextDecoderStream, TextEncoderStream } from './text-streams.ts'
import {
  clearInterval,
  clearTimeout,
  scheduler,
  setImmediate,
  setInterval,
  setTimeout,
} from './timer-functions.ts'
import { URL } from './url.ts'
import { URLPattern } from './url-pattern.ts'
import { URLSearchParams } from './url-search-params.ts'
import { PerformanceMark, PerformanceMeasure } from './user-timing.ts'
import { domString } from './webidl.ts'
import { WebSocket, WebSocketPair } from './websocket.ts'

const INTERFACES = {
  AbortController,
  AbortSignal,
  Blob,
  ByteLengthQueuingStrategy,
  Cache,
  CacheStorage,
  CloseEvent,
  CompressionStream,
  CountQueuingStrategy,
  Crypto,
  CryptoKey,
  CustomEvent,
  DecompressionStream,
  DOMException,
  ErrorEvent,
  Event,
  EventSource,
  EventTarget,
  ExecutionContext,
  FetchEvent,
  File,
  FixedLengthStream,
  FormData,
  Headers,
  HTMLRewriter,
  IdentityTransformStream,
  MessageChannel,
  MessageEvent,
  MessagePort,
  Navigator,
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  PerformanceObserverEntryList,
  PromiseRejectionEvent,
  QuotaExceededError,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  Request,
  Response,
  ServiceWorkerGlobalScope,
  SubtleCrypto,
  TextDecoder,
  TextDecoderStream,
  TextEncoder,
  TextEncoderStream,
  TransformStream,
  TransformStreamDefaultController,
  URL,
  URLPattern,
  URLSearchParams,
  WebSocket,
  WebSocketPair,
  WorkerGlobalScope,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
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

const ATTRIBUTES = { caches, crypto, navigator, performance, scheduler, self: globalThis }

const { addEventListener: listen } = EventTarget.prototype

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
  install(INTERFACES, (name, value) => {
    defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true })
  })
  install(FUNCTIONS, installOperation)
  install(ATTRIBUTES, installAttribute)
  defineProperty(globalThis, 'console', {
    value: console,
    writable: true,
    enumerable: false,
    configurable: true,
  })
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

function install<Value>(values: Record<string, Value>, put: (name: string, value: Value) => void): void {
  const names = ownKeys(values) as string[]
  for (let i = 0; i < names.length; i++) put(names[i]!, values[names[i]!]!)
}
