/** What ended a runtime's life. */
import type { RestartReason } from '../channels.ts'
import type { Death } from './blame.ts'
import type { Exit } from './launcher-thread.ts'

/** That it was to end. */
export interface Killed {
  reason: RestartReason
  detail: string
  /** Who is to blame, if that is known and told. */
  app: string | null
}

export type Cause = Omit<Death, 'tenants' | 'rssBytes' | 'isSolitary'> & { detail: string }

/** Names the cause of a runtime's end from what is known of it. */
export function whatEnded({
  killed,
  exit,
  reason,
}: {
  killed: Killed | null
  exit: (Exit & { late: boolean }) | null
  reason: string
}): Cause {
  const exitCode = exit?.code ?? null
  const signal = exit?.signal ?? null
  if (killed) return { reason: killed.reason, detail: killed.detail, exitCode, signal }
  if (!exit) return { reason: 'exit', detail: reason, exitCode: 0, signal: null }
  if (exit.late) return { reason: 'protocol', detail: reason, exitCode, signal }
  if (signal !== null) return { reason: 'signal', detail: signal, exitCode, signal }
  return { reason: 'exit', detail: `exit code ${exitCode}`, exitCode, signal }
}
