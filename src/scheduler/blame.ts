/**
 * Which apps can have caused a runtime's death, and whether that is proven. That an app alone was at work proves
 * nothing: an instance that had just ended may have done it. That the app was alone in the process does, and so
 * does memory.
 */
import type { RestartReason } from '../channels.ts'

export interface Death {
  reason: RestartReason
  /** How the process ended, as far as is known. */
  exitCode: number | null
  signal: string | null
  /** What the process held at last. */
  rssBytes: number
  /** No other app has been in the process. */
  isSolitary: boolean
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

export interface Verdict {
  apps: ReadonlySet<string>
  /** There is one, and it did it. */
  isProven: boolean
}

/** Signals that someone outside sends; an isolate cannot bring its process to raise them. */
const FOREIGN_SIGNALS = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'])

/** An instance that ran for this share of the time was running, whether or not a request was open. */
const BUSY = 0.5

export const NOBODY: Verdict = { apps: new Set(), isProven: false }

export function judge(death: Death): Verdict {
  if (isForeign(death)) return NOBODY
  const { reason, tenants, rssBytes, isSolitary } = death
  if (reason === 'rss') {
    const large = appsOf(tenants.filter(one => one.isOvergrown || one.memoryBytes > rssBytes / 2))
    if (large.size > 0) return { apps: large, isProven: large.size === 1 }
  }
  if (isSolitary) return { apps: appsOf(tenants), isProven: tenants.length > 0 }
  const running = tenants.filter(({ starting, busy }) => starting || busy >= BUSY)
  const waiting = tenants.filter(({ inFlight }) => inFlight > 0)
  return { apps: appsOf(running.length > 0 ? running : waiting), isProven: false }
}

function appsOf(tenants: readonly Tenant[]): Set<string> {
  return new Set(tenants.map(tenant => tenant.app))
}

/** Ended from outside, or by itself in good order. */
function isForeign({ reason, exitCode, signal }: Death): boolean {
  if (reason === 'signal') return signal !== null && FOREIGN_SIGNALS.has(signal)
  return reason === 'exit' && exitCode === 0
}
