/**
 * What becomes of requests whose instance is gone.
 *
 * One that has not reached guest code may always go elsewhere. One that has is replayed only if that cannot do
 * anything twice and cannot repeat the harm.
 */
import type { RetryReason } from '../channels.ts'
import type { Outcome, Termination } from '../outcome.ts'
import type { InstanceEnd } from '../runtime/messages.ts'
import type { DispatchedExchange } from './dispatch.ts'
import type { Failure } from './failure.ts'

/** How often a request that reached guest code may be replayed. */
export const REPLAYS_MAX = 2

export interface FailedRequest {
  method: string
  hasBody: boolean
  /** Everything sent of the body can be sent once more. */
  bodyIntact: boolean
  /** Something of the response has left. */
  responded: boolean
  /** May have reached guest code. */
  entered: boolean
  /** It, or its app, is taken for the cause. */
  suspect: boolean
  /** How often it was replayed after it had reached guest code. */
  replays: number
}

/** What befell a request's instance, and how far the request had come. */
export interface Loss extends Pick<FailedRequest, 'entered' | 'suspect'> {
  end: InstanceEnd
  /** That the app used for it, if known. */
  cpuMs?: number
}

/** How a request fails whose instance is gone; null: it may go elsewhere. */
export function failureOf(exchange: DispatchedExchange, { end, cpuMs = 0, ...how }: Loss): Failure | null {
  const { method, hasBody, bodyIntact, responded, dispatch } = exchange
  const { replays } = dispatch
  if (mayRetry({ method, hasBody, bodyIntact, responded, replays, ...how })) return null
  // What the platform did to its own processes is not the client's to read.
  const message = ENDED_BY_APP[end.reason] ? end.message : ''
  return { outcome: OUTCOME_OF_TERMINATION[end.reason], message, cpuMs }
}

/** Methods that change nothing (RFC 9110, 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Whether a request does nothing that could not be done twice. */
export function isRepeatable({ method, hasBody }: Pick<FailedRequest, 'method' | 'hasBody'>): boolean {
  return !hasBody && SAFE_METHODS.has(method)
}

export function mayRetry(request: FailedRequest): boolean {
  if (request.responded) return false
  if (!request.entered) return request.bodyIntact
  return !request.suspect && isRepeatable(request) && request.replays < REPLAYS_MAX
}

/** The outcome of a request that ended with its instance. */
export const OUTCOME_OF_TERMINATION = {
  idle: 'internalError',
  evicted: 'internalError',
  redeployed: 'internalError',
  deleted: 'internalError',
  shutdown: 'internalError',
  exceededCpu: 'exceededCpu',
  exceededMemory: 'exceededMemory',
  protocolViolation: 'internalError',
  startupError: 'startupError',
  runtimeDied: 'internalError',
} satisfies Record<Termination, Outcome>

/** Whose doing the end of an instance was: ours, so its requests are blameless, or its app's. */
export const ENDED_BY_APP = {
  idle: false,
  evicted: false,
  redeployed: false,
  deleted: false,
  shutdown: false,
  exceededCpu: true,
  exceededMemory: true,
  protocolViolation: true,
  startupError: true,
  runtimeDied: false,
} satisfies Record<Termination, boolean>

/** What the retry is counted as. */
export function retryReason(termination: Termination): RetryReason {
  if (termination === 'runtimeDied') return 'runtime_died'
  return ENDED_BY_APP[termination] ? 'instance_died' : 'instance_stopped'
}
