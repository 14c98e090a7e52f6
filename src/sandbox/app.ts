/** The app: its handlers, in either syntax, and what they are called with. */

import { logException } from './logging.ts'
import { apply, arrayPush, construct, promiseResolve, promiseThen } from './primordials.ts'
import type { Request } from './request.ts'
import type { RequestContext } from './request-context.ts'
import { current } from './request-context.ts'

/** `export default { … }` may have these, and a class that extends WorkerEntrypoint. */
const HANDLERS = ['fetch', 'scheduled', 'queue', 'email', 'tail', 'trace'] as const

type FetchHandler = (request: Request, context: RequestContext) => unknown

let env: Record<string, unknown> = {}
let fetchHandler: FetchHandler | null = null
const listeners: ((event: unknown) => unknown)[] = []

export function setEnv(vars: Record<string, unknown>): void {
  env = vars
}

export function getEnv(): Record<string, unknown> {
  return env
}

/** Calls the app. What it throws is thrown. */
export function callFetchHandler(request: Request, context: RequestContext): unknown {
  if (!fetchHandler) throw new TypeError('The app has no fetch handler.')
  return fetchHandler(request, context)
}

/** The third argument of handlers. */
export class ExecutionContext {
  readonly #context: RequestContext
  readonly props = {}

  constructor(context: RequestContext) {
    this.#context = context
  }

  /** Keeps the request open until the promise settles, or the platform's limit has passed. */
  waitUntil(promise: unknown): void {
    holdOpen(this.#context, promise)
  }

  /** Accepted for compatibility: there is no origin behind an app that could answer instead. */
  passThroughOnException(): void {
    this.#context
  }
}

export function holdOpen(context: RequestContext, promise: unknown): void {
  if (context.over) throw new TypeError('waitUntil() was called after its request was over.')
  context.waits++
  const settled = () => {
    context.waits--
    context.closeIfDone()
  }
  promiseThen(promiseResolve(promise), settled, error => {
    logException(context, error)
    settled()
  })
}

/** What an app in module syntax exports as default: an object with handlers, or a class of entry point. */
export class WorkerEntrypoint {
  readonly ctx: ExecutionContext
  readonly env: Record<string, unknown>

  constructor(ctx: ExecutionContext, environment: Record<string, unknown>) {
    this.ctx = ctx
    this.env = environment
  }
}

/** Takes the handlers of the app's main module; their names. Throws a TypeError that says what is missing. */
export function registerModule(namespace: { default?: unknown }): string[] {
  const exported = namespace.default
  if (typeof exported === 'function') return registerClass(exported as new (...args: unknown[]) => object)
  if (typeof exported !== 'object' || exported === null) {
    throw new TypeError(
      'The main module has no default export; export default { fetch(request, env, ctx) { … } }.',
    )
  }
  const found = handlersOf(exported)
  const { fetch } = exported as { fetch?: unknown }
  if (typeof fetch === 'function') {
    fetchHandler = (request, context) =>
      apply(fetch as never, exported as never, [request, env, new ExecutionContext(context)] as never)
  }
  return found
}

function registerClass(entry: new (...args: unknown[]) => object): string[] {
  const found = handlersOf(entry.prototype as object)
  fetchHandler = (request, context) => {
    const instance = construct(entry as never, [new ExecutionContext(context), env] as never) as {
      fetch: unknown
    }
    return apply(instance.fetch as never, instance as never, [request] as never)
  }
  return found
}

function handlersOf(object: object): string[] {
  const found: string[] = []
  for (let i = 0; i < HANDLERS.length; i++) {
    const name = HANDLERS[i]!
    if (typeof (object as Record<string, unknown>)[name] === 'function') arrayPush(found, name)
  }
  if (found.length === 0) {
    throw new TypeError(`The default export has no handler; it needs one of ${HANDLERS.join(', ')}.`)
  }
  return found
}

/** The event of service-worker syntax. */
export class FetchEvent {
  readonly type = 'fetch'
  readonly request: Request
  readonly #context: RequestContext
  #response: unknown
  #responded = false

  constructor(request: Request, context: RequestContext) {
    this.request = request
    this.#context = context
  }

  respondWith(response: unknown): void {
    if (this.#responded) throw new TypeError('respondWith() was called twice.')
    this.#responded = true
    this.#response = response
  }

  waitUntil(promise: unknown): void {
    holdOpen(this.#context, promise)
  }

  passThroughOnException(): void {
    this.#context
  }

  /** What the listeners answered; a TypeError if none did. */
  static answer(event: FetchEvent): unknown {
    if (!event.#responded) {
      throw new TypeError('No fetch listener called event.respondWith() before it returned.')
    }
    return event.#response
  }
}

/** Global addEventListener: `fetch` listeners make an app in service-worker syntax. */
export function addFetchListener(listener: (event: unknown) => unknown): void {
  if (current.id !== 0) throw new TypeError('Listeners must be added at the top level.')
  arrayPush(listeners, listener)
}

/** Takes the listeners that the script added. */
export function registerListeners(): string[] {
  if (listeners.length === 0) {
    throw new TypeError(
      'The script adds no fetch listener; call addEventListener("fetch", …) or export default { fetch }.',
    )
  }
  fetchHandler = (request, context) => {
    const event = new FetchEvent(request, context)
    for (let i = 0; i < listeners.length; i++)
      apply(listeners[i] as never, undefined as never, [event] as never)
    return FetchEvent.answer(event)
  }
  return ['fetch']
}
