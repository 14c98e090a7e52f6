/** How requests fail. */
import type { Rejection } from '../channels.ts'
import type { Outcome } from '../outcome.ts'

/** How a request fails that gets no app's answer. An empty message: the outcome's own. */
export interface Failure {
  outcome: Outcome
  message?: string
  rejection?: Rejection
  retryAfterMs?: number
  /** CPU time that the app used for it, if known. */
  cpuMs?: number
}
