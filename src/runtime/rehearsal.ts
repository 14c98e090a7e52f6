/**
 * V8's code cache of the sandbox, taken after it has served a few requests: an isolate that consumes it has the functions
 * of a usual request compiled, and an app's first request need not wait for that.
 *
 * isolated-vm makes caches of scripts that have not run, so the rehearsal is held in a context of this process' own
 * isolate. All of its code is the platform's; the context dies with the rehearsal.
 */
import { createContext, runInContext, Script } from 'node:vm'
import {
  CONTROL,
  CONTROL_BYTES,
  EVENT,
  EVENTS_OFFSET,
  type KernelStart,
  OUTBOX_BYTES,
} from '../sandbox/wire.ts'
import { EventQueue } from './event-queue.ts'

/** What apps do most: they look at the URL and a header, read a body, log a line, answer with text or JSON. */
const APP = `({ default: { async fetch(request, env, ctx) {
  const { pathname, searchParams } = new URL(request.url)
  const accepted = request.headers.get('accept')
  if (request.method === 'GET') {
    console.log('a line')
    const headers = { 'content-type': 'text/plain', 'cache-control': 'no-store' }
    return new Response(pathname + searchParams.get('a') + accepted, { status: 200, headers })
  }
  return Response.json(await request.json())
} } })`

const HEAD = 'http://a.test/b?a=1\naccept\n*/*\nhost\na.test\nuser-agent\nnone'

const START: KernelStart = {
  limits: {
    subrequests: 1,
    subrequestsAtOnce: 1,
    logLinesPerRequest: 10,
    logBytesPerRequest: 1000,
    timersMax: 1,
    responseHeaderBytesMax: 10_000,
    bodyWindow: 10_000,
    webSocketMessageBytesMax: 1,
  },
  vars: {},
  syntax: 'module',
  parts: [],
}

interface Kernel {
  equip(
    control: SharedArrayBuffer,
    outbox: SharedArrayBuffer,
    partTexts: SharedArrayBuffer,
    partIndex: string,
    seed: string,
  ): void
  open(start: string): void
  register(namespace: object): string
  enter(text: string, ...extras: unknown[]): void
  takeTexts(): string
}

/** `code`: the sandbox's main script. */
export function rehearsedCodeCache(code: string, filename: string): ArrayBuffer {
  const script = new Script(code, { filename })
  const stage: { call?: () => void } = {}
  const context = createContext(stage, { microtaskMode: 'afterEvaluate' })
  const kernel = script.runInContext(context) as Kernel
  const control = new SharedArrayBuffer(CONTROL_BYTES)
  const outbox = new SharedArrayBuffer(OUTBOX_BYTES)
  kernel.equip(control, outbox, new SharedArrayBuffer(0), '{}', '00'.repeat(32))
  kernel.open(JSON.stringify(START))
  kernel.register(runInContext(APP, context) as object)
  const enter = (...event: Parameters<EventQueue['push']>) => {
    const queue = new EventQueue()
    queue.push(...event)
    const extras: unknown[] = []
    const { count, text } = queue.write(new Int32Array(control, EVENTS_OFFSET), extras as never, [])
    new Int32Array(control)[CONTROL.incoming] = count
    stage.call = () => kernel.enter(text, ...extras)
    // The context's promises settle when a script of it ends.
    runInContext('call()', context)
    kernel.takeTexts()
  }
  enter(EVENT.request, 1, 0, undefined, `GET\n${HEAD}`)
  enter(EVENT.request, 2, 1, undefined, `POST\n${HEAD}`)
  enter(EVENT.collected, 2, 0, '{"a":1}', '')
  const { buffer, byteOffset, byteLength } = script.createCachedData()
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
}
