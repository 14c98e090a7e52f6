/**
 * Which apps can have caused a runtime's death. If it is one alone, its requests are not replayed and it waits before
 * it may start again; everyone else's requests go to another runtime at once.
 */
import type { RestartReason } from '../channels.ts'

export interface Death {
  reason: RestartReason
  /** How the process ended, as far as is known. */
  exitCode: number | null
  signal: string | null
  /** What the process held at last. */
  rssBytes: number
  tenants: Tenant[]
}

/** An instance that lived there. */
export interface Tenant {
  app: string
  starting: boolean
  inFlight: number
  /** Share of the time it ran between the last two heartbeats. */
  busy: number
  /** Its heap and buffers. */
  memoryBytes: number
  /** It has certainly grown the process by more than it may use. */
  isOvergrown: boolean
}

/** Signals that someone outside sends; an isolate cannot bring its process to raise them. */
const FOREIGN_SIGNALS = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'])

/** An instance that ran for this share of the time was running, whether or not a request was open. */
const BUSY = 0.5

export function suspects(death: Death): Set<string> {
  if (isForeign(death)) return new Set()
  const active = death.tenants.filter(tenant => tenant.starting || tenant.inFlight > 0 || tenant.busy >= BUSY)
  if (death.reason === 'rss') {
    const large = death.tenants.filter(
      ({ isOvergrown, memoryBytes }) => isOvergrown || memoryBytes > death.rssBytes / 2,
    )
    if (large.length > 0) return new Set(large.map(tenant => tenant.app))
  }
  const running = active.filter(tenant => tenant.starting || tenant.busy >= BUSY)
  return new Set((running.length > 0 ? running : active).map(tenant => tenant.app))
}

/** Ended from outside, or by itself in good order. */
function isForeign({ reason, exitCode, signal }: Death): boolean {
  if (reason === 'signal') return signal !== null && FOREIGN_SIGNALS.has(signal)
  return reason === 'exit' && exitCode === 0
}
