/**
 * A bare isolate with the Web APIs that do not deal with bodies as globals, over a host that lives in the isolate too.
 *
 * Guest code of a test finds `lines`, the console's output; `exceptions`, what nobody caught; and `advance(ms)`, which
 * moves the clock that stands at 0 and runs the timers that come due.
 */
import { openSandbox, type Sandbox } from './isolate.ts'

export async function openWebSandbox(): Promise<Sandbox> {
  const sandbox = await openSandbox(SOURCE, { parts: ['encodings', 'idna'] })
  await sandbox.run('sandbox.open()')
  return sandbox
}

const SOURCE = `
  import { AbortController, AbortSignal } from './abort.ts'
  import { atob, btoa } from './base64.ts'
  import { Blob, File } from './blob.ts'
  import { console } from './console.ts'
  import { Crypto, crypto } from './crypto.ts'
  import { setHost } from './current-host.ts'
  import { DOMException, QuotaExceededError } from './dom-exception.ts'
  import { TextDecoder, TextEncoder } from './encoding.ts'
  import { CustomEvent, PromiseRejectionEvent } from './custom-events.ts'
  import { ErrorEvent } from './error-event.ts'
  import { EventTarget } from './event-target.ts'
  import { Event } from './events.ts'
  import { Headers } from './headers.ts'
  import { queueMicrotask, reportError } from './microtask.ts'
  import { navigator } from './navigator.ts'
  import { performance } from './performance.ts'
  import { PerformanceObserver } from './performance-timeline.ts'
  import { Response } from './response.ts'
  import { structuredClone } from './structured-clone.ts'
  import { URL } from './url.ts'
  import { URLSearchParams } from './url-search-params.ts'
  export { installParts } from './parts.ts'

  const lines = []
  const exceptions = []
  let timers = []
  let clock = 0

  function advance(ms) {
    clock += ms
    const due = timers.filter(timer => timer.at <= clock)
    timers = timers.filter(timer => timer.at > clock)
    for (const timer of due) timer.callback()
  }

  export function open() {
    setHost({
      digest: async (algorithm, bytes) => new Uint8Array([algorithm.length, bytes.length]).buffer,
      fillRandom: target => target.forEach((_, i) => { target[i] = i + 1 }),
      // By index: a test may have patched push.
      log: (level, message) => { lines[lines.length] = level + ': ' + message },
      now: () => clock,
      reportException: error => exceptions.push(String(error)),
      setTimer: (callback, delayMs) => timers.push({ callback, at: clock + delayMs }),
    })
    Object.assign(globalThis, {
      AbortController, AbortSignal, atob, btoa, Blob, File, Crypto, crypto, DOMException, QuotaExceededError,
      TextDecoder, TextEncoder, CustomEvent, ErrorEvent, PromiseRejectionEvent, Event, EventTarget, Headers, Response,
      performance, PerformanceObserver, queueMicrotask, reportError, navigator, structuredClone, URL, URLSearchParams, lines, exceptions, advance,
    })
    Object.defineProperty(globalThis, 'console', { value: console })
  }
`
