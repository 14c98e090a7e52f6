/**
 * What the scheduler and a runtime say to each other about instances, besides requests: the payloads of the
 * protocol's JSON frames. `protocol.ts` carries them; everything that comes from a runtime is validated there.
 */

import type { LimitName, LogLevel } from '../channels.ts'
import type { Outcome, Termination } from '../outcome.ts'
import type { LOG_KINDS } from '../sandbox/wire.ts'

/** All that a runtime needs to start an instance, but the bundle, which follows as bytes. */
export interface InstanceSpec {
  app: string
  version: string
  main: string
  syntax: 'module' | 'service-worker'
  compatibilityDate?: string
  compatibilityFlags: string[]
  vars: Record<string, unknown>
  limits: InstanceLimits
  /** The runtime keeps compiled code under this name. */
  bundleHash: string
  bundleBytes: number
}

export interface InstanceLimits {
  cpuMs: number
  startupCpuMs: number
  memoryMb: number
  waitUntilMs: number
  subrequests: number
  subrequestsAtOnce: number
  logLinesPerRequest: number
  logBytesPerRequest: number
  timersMax: number
  responseHeaderBytesMax: number
  webSocketMessageBytesMax: number
}

/** How a start ended. A failure's `message` is for the developer, with the app's own stack below it. */
export type StartResult =
  | { outcome: 'ok'; phasesMs: StartPhases; handlers: string[] }
  | {
      outcome: 'startupError' | 'exceededCpu' | 'exceededMemory' | 'internalError'
      phasesMs: StartPhases
      message: string
      stack?: string
      /** CPU time that the start used, as far as it is known. */
      cpuMs?: number
      /** Its isolate is there still, perhaps busy: an `EndReport` follows once it is not. */
      isEnding?: boolean
    }

/** Milliseconds: an isolate with the sandbox (near 0 from the prewarmed pool), compiling, evaluating. */
export interface StartPhases {
  isolate: number
  compile: number
  evaluate: number
}

/** The runtime ended an instance itself, or confirms a stop. */
export interface InstanceEnd {
  reason: Termination
  message: string
  cpuMs: number
  heapBytes: number
  /** CPU time of the request to blame; 0 if there is none. */
  guiltyCpuMs: number
}

/** What becomes of an instance's requests at its end. */
export interface EndReport {
  end: InstanceEnd
  /** Stream of the request to blame, 0 for none. */
  guilty: number
  /** Streams of requests that certainly have not reached guest code. */
  untouched: number[]
}

/** An answer to a heartbeat. */
export interface RuntimeStats {
  rssBytes: number
  prewarmed: number
  eventLoopLagMs: number
  instances: InstanceStats[]
}

export interface InstanceStats {
  instance: number
  heapBytes: number
  /** Of ArrayBuffers, and of the WebAssembly memories that are known. */
  externalBytes: number
  /** Since the last heartbeat. */
  cpuMs: number
  /** Share of the time since the last heartbeat that the isolate was running, 0 to 1. */
  busy: number
  /** CPU time that threads which serve all apps have used for it since the last heartbeat, or would have at its wish. */
  servedMs: number
  /** Events that wait to enter the isolate, and requests that wait in it. */
  queued: number
}

/** A console line of an app, or an exception that it left uncaught: sent as it happens. */
export interface LogLine {
  level: LogLevel
  kind: (typeof LOG_KINDS)[number]
  message: string
  /** Milliseconds since the epoch. */
  time: number
}

/** Something an app did that is only to be told: sent as it happens. */
export type Notice =
  | { type: 'subrequest'; status: number; durationMs: number }
  | { type: 'limit'; limit: LimitName }

/** How one request ended in the runtime. */
export interface RequestEnd {
  outcome: Outcome
  cpuMs: number
  message?: string
}
