/**
 * Everything that can be observed. The core publishes facts here and never counts; metrics, logs and tail
 * subscribe. A channel without subscribers costs nothing: publishers of anything that must be built first ask
 * `hasSubscribers`. Subscribers run inside the request, must be quick and must not throw.
 */
import { channel } from 'node:diagnostics_channel'
import type { Outcome, Termination } from './outcome.ts'

interface TypedChannel<T> {
  readonly hasSubscribers: boolean
  publish(message: T): void
  subscribe(listener: (message: T) => void): void
  unsubscribe(listener: (message: T) => void): boolean
}

function typed<T>(name: string): TypedChannel<T> {
  return channel(`vitrine:${name}`) as unknown as TypedChannel<T>
}

/** What an app has asked its cache for, in sums: the cache lies in a thread of its own (cache/cache.ts). */
export const cacheChannel = typed<CacheEvent>('cache')
/** `uncacheable`: its headers forbid that it be kept. */
export const CACHE_RESULTS = ['hit', 'miss', 'put', 'uncacheable', 'too_large', 'delete'] as const
export type CacheResult = (typeof CACHE_RESULTS)[number]
export interface CacheEvent {
  app: string
  result: CacheResult
  count: number
}

/** Responses had to leave the cache for others. */
export const cacheEvictionChannel = typed<{ app: string; count: number }>('cache-eviction')

/** A request has ended, in exactly one outcome. */
export const requestChannel = typed<RequestEvent>('request')
/** Why a request got no app's answer, besides its outcome. */
export const REJECTIONS = [
  'app_queue_full',
  'platform_queue_full',
  'queue_deadline',
  'body_too_large',
  'malformed',
  'stopping',
  'quarantined',
  'store_unavailable',
] as const
export type Rejection = (typeof REJECTIONS)[number]
export interface RequestEvent {
  requestId: string
  /** The trace that the client's `traceparent` names; empty if it names none. */
  traceId: string
  /** Empty where no app was found. */
  app: string
  version: string
  outcome: Outcome
  status: number
  method: string
  host: string
  /** Path with query. */
  url: string
  clientIp: string
  /** Milliseconds since the epoch. */
  startedAt: number
  durationMs: number
  /** To the first byte of the response; 0 if there was none. */
  ttfbMs: number
  /** Waiting for an instance. */
  queueMs: number
  cpuMs: number
  coldStart: boolean
  retries: number
  bytesIn: number
  bytesOut: number
  disconnected: boolean
  rejection?: Rejection
}

/** A cold start has ended, well or badly. */
export const coldStartChannel = typed<ColdStartEvent>('cold-start')
export const COLD_START_REASONS = ['first', 'evicted', 'deploy', 'crash', 'scale_up'] as const
export type ColdStartReason = (typeof COLD_START_REASONS)[number]
export const COLD_START_PHASES = ['fetch', 'isolate', 'compile', 'evaluate'] as const
export type ColdStartPhase = (typeof COLD_START_PHASES)[number]
export interface ColdStartEvent {
  app: string
  version: string
  instance: number
  runtime: string
  reason: ColdStartReason
  outcome: 'ok' | 'startupError' | 'exceededCpu' | 'exceededMemory' | 'internalError'
  totalMs: number
  phasesMs: Record<ColdStartPhase, number>
}

/** An instance has ended. */
export const instanceEndChannel = typed<InstanceEndEvent>('instance-end')
export interface InstanceEndEvent {
  app: string
  version: string
  instance: number
  runtime: string
  reason: Termination
  /** Of the request that was to blame, if one was. */
  requestId?: string
  /** What the runtime says of it; may be empty. */
  message: string
  /** CPU time of the instance's whole life, and of the request that was to blame. */
  cpuMs: number
  guiltyCpuMs: number
  /** As of the last heartbeat. */
  heapBytes: number
  externalBytes: number
  /** The app's last console lines, for the record of a kill. */
  lastLines: string[]
}

/** An instance does not end though it was told to: its runtime may have to be killed, and neighbours there go elsewhere. */
export const instanceStuckChannel = typed<InstanceStuckEvent>('instance-stuck')
export interface InstanceStuckEvent {
  app: string
  version: string
  instance: number
  runtime: string
}

/** A console line or an uncaught exception of an app. */
export const appLogChannel = typed<AppLogEvent>('app-log')
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export interface AppLogEvent {
  app: string
  version: string
  /** Empty for what no request caused. */
  requestId: string
  /** The trace that its client's `traceparent` names; empty if it names none. */
  traceId: string
  level: LogLevel
  kind: 'console' | 'exception'
  /** One text: console's arguments formatted and joined; for an exception its stack, mapped to sources. */
  message: string
  time: number
}

/** An app's fetch() has ended. `status` 0: it failed before a response. */
export const subrequestChannel = typed<SubrequestEvent>('subrequest')
export interface SubrequestEvent {
  app: string
  status: number
  durationMs: number
}

/** CPU time an app has used since the last such event, whatever used it. */
export const cpuChannel = typed<{ app: string; cpuMs: number }>('cpu')

/** A request is sent to another instance after its first could not answer. */
export const retryChannel = typed<{ app: string; requestId: string; reason: RetryReason }>('retry')
export const RETRY_REASONS = ['instance_died', 'runtime_died', 'instance_stopped'] as const
export type RetryReason = (typeof RETRY_REASONS)[number]

/** An app has hit a limit that did not end the request, or that did: `vitrine_limit_hits_total`. */
export const limitChannel = typed<{ app: string; limit: LimitName }>('limit')
export const LIMITS = [
  'cpu',
  'startup_cpu',
  'memory',
  'wall',
  'subrequests',
  'request_body',
  'queue',
  'log_lines',
  'timers',
  'response_headers',
] as const
export type LimitName = (typeof LIMITS)[number]

/** An app has left the scheduler's LRU. */
export const evictionChannel = typed<{ app: string; reason: EvictionReason }>('eviction')
export const EVICTION_REASONS = ['evict', 'redeployed', 'deleted'] as const
export type EvictionReason = (typeof EVICTION_REASONS)[number]

/** A runtime process has died or was killed, and another takes its place. */
export const runtimeRestartChannel = typed<RuntimeRestartEvent>('runtime-restart')
export const RESTART_REASONS = [
  'exit',
  'signal',
  'heartbeat',
  'catastrophe',
  'rss',
  'protocol',
  'kill_grace',
  'renewal',
] as const
export type RestartReason = (typeof RESTART_REASONS)[number]
export interface RuntimeRestartEvent {
  runtime: string
  reason: RestartReason
  detail: string
  /** Apps that had instances there. */
  apps: string[]
}

/** What is held against an app has changed: it is taken for the cause of a runtime's death, or no longer. */
export const quarantineChannel = typed<QuarantineEvent>('quarantine')
export type QuarantineEvent =
  | {
      app: string
      /** `quarantined`: it certainly did it; `suspected`: it can have done it. */
      change: 'quarantined' | 'suspected'
      reason: RestartReason
      /** Deaths that it has certainly caused. */
      deaths: number
      /** How long it may not start. */
      pauseMs: number
    }
  | {
      app: string
      change: 'released'
      reason: ReleaseReason
      deaths: number
      /** It has caused too many deaths to be among others yet. */
      isKeptApart: boolean
    }
/** `by_hand`: somebody asked for it. */
export type ReleaseReason = 'deploy' | 'by_hand' | 'good_conduct'

/** A deploy, rollback or deletion has ended. */
export const deployChannel = typed<DeployEvent>('deploy')
export const DEPLOY_RESULTS = ['ok', 'invalid', 'startup_failed', 'unavailable', 'error'] as const
export type DeployResult = (typeof DEPLOY_RESULTS)[number]
export interface DeployEvent {
  app: string
  action: 'deploy' | 'rollback' | 'delete'
  version: string
  result: DeployResult
  durationMs: number
}

/** A store operation has ended. `operation` is the name of a method of `Store`. */
export const storeChannel = typed<{ operation: string; result: 'ok' | 'error'; durationMs: number }>('store')

/** Lines of the log were lost: stdout is too slow for them, or cannot be written at all. */
export const logDropChannel = typed<{ reason: LogDropReason; count: number }>('log-drop')
export const LOG_DROP_REASONS = ['buffer_full', 'output_failed'] as const
export type LogDropReason = (typeof LOG_DROP_REASONS)[number]
