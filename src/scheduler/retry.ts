/**
 * What becomes of requests whose instance is gone.
 *
 * One that has not reached guest code may always go elsewhere. One that has is replayed only if that cannot do
 * anything twice and cannot repeat the harm.
 */
import type { RetryReason } from '../channels.ts'
import type { Outcome, Termination } from '../outcome.ts'

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

/** Methods that change nothing (RFC 9110, 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

export function mayRetry(request: FailedRequest): boolean {
  if (request.responded) return false
  if (!request.entered) return request.bodyIntact
  return (
    !request.suspect && !request.hasBody && SAFE_METHODS.has(request.method) && request.replays < REPLAYS_MAX
  )
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
