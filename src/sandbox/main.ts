/**
 * The sandbox's entry: what the host gets hold of (src/runtime/isolate.ts), and the globals that apps see.
 *
 * All of it runs before any guest code, in an isolate that does not know its app yet.
 */
import { getEnv, holdOpen, registerListeners, registerModule, setEnv, WorkerEntrypoint } from './app.ts'
import { setHost } from './current-host.ts'
import { limitDigests, startDigest, startDigestStream, startOperation } from './digests.ts'
import { askCache, limitFetches, startFetch } from './fetches.ts'
import { reportException } from './global-scope.ts'
import { installGlobals, openPart } from './globals.ts'
import { cancel, collectBytes, collectText, pull } from './incoming.ts'
import { enter as enterKernel, openKernel } from './kernel.ts'
import { limitLogging, log } from './logging.ts'
import { openOutbox, takeTexts } from './outbox.ts'
import { installParts, type PartIndex } from './parts.ts'
import { arrayJoin, jsonParse, ownKeys, typedArrayLength } from './primordials.ts'
import { randomBytes, seedRandom } from './random.ts'
import { requireRequest } from './request-context.ts'
import { limitServing } from './serve.ts'
import { limitTimers, startTimer, stopTimer } from './timers.ts'
import { installWebAssembly, tellWasmMemory } from './web-assembly.ts'
import { limitWebSockets } from './websocket-limits.ts'
import type { KernelStart } from './wire.ts'

setHost({
  pull,
  collectBytes,
  collectText,
  cancel,
  fetch: startFetch,
  cache: askCache,
  digest: startDigest,
  digestStream: startDigestStream,
  subtle: startOperation,
  fillRandom: target => randomBytes(target, 0, typedArrayLength(target)),
  log,
  now: Date.now,
  setTimer: (callback, delayMs) => startTimer(callback, delayMs, false),
  clearTimer: stopTimer,
  reportException,
})
installGlobals()
installWebAssembly()

/**
 * Gives the isolate what any app needs, before it is known which it will run. `partIndex`: JSON of PartIndex; `seed`: 64
 * hex digits.
 */
export function equip(
  control: SharedArrayBuffer,
  outbox: SharedArrayBuffer,
  partTexts: SharedArrayBuffer,
  partIndex: string,
  seed: string,
): void {
  openOutbox(control, outbox)
  openKernel(control)
  tellWasmMemory(control)
  installParts(partTexts, jsonParse(partIndex) as PartIndex)
  seedRandom(seed)
}

/** Tells the isolate which app it will run. `start`: JSON of KernelStart. */
export function open(start: string): void {
  const { limits, vars, syntax, parts } = jsonParse(start) as KernelStart
  limitLogging(limits)
  limitFetches(limits)
  limitDigests(limits)
  limitServing(limits)
  limitWebSockets(limits)
  limitTimers(limits.timersMax)
  setEnv(vars)
  for (let i = 0; i < parts.length; i++) openPart(parts[i]!)
  if (syntax === 'service-worker') {
    const names = ownKeys(vars) as string[]
    for (let i = 0; i < names.length; i++)
      (globalThis as Record<string, unknown>)[names[i]!] = vars[names[i]!]
  }
}

/** Puts a value where the host's next script finds it, or takes it away. */
export function expose(name: string, value: unknown): void {
  const global = globalThis as Record<string, unknown>
  if (value === undefined) delete global[name]
  else if (value === 'cloudflare:workers') {
    const waitUntil = (promise: unknown) => holdOpen(requireRequest('waitUntil()'), promise)
    global[name] = { WorkerEntrypoint, env: getEnv(), waitUntil }
  } else global[name] = value
}

/** Takes the app's handlers once its top level has run; their names, with commas between. */
export function register(namespace: { default?: unknown } | undefined): string {
  const names = namespace ? registerModule(namespace) : registerListeners()
  return arrayJoin(names, ',')
}

export function enter(text: string, ...extras: unknown[]): void {
  enterKernel(text, extras)
}

/** Does nothing: with any call goes what promises have left behind. */
export function settle(): void {}

export { takeTexts }
