/** Which runtime a new instance goes to. */
import type { Standing } from './quarantine.ts'
import type { Runtime } from './runtime.ts'

export interface RuntimeLoad {
  up: boolean
  /** Its apps are to be elsewhere. */
  leaving: boolean
  /** Isolates running at the moment: the sum of their shares of the time since the last heartbeat. */
  busy: number
  instances: number
  /** Instances of the same app. */
  siblings: number
  /** Instances of other apps, and those of them whose app is suspected of having brought a runtime down. */
  strangers: number
  suspects: number
  /** Resident memory as a share of the ceiling, 0 to 1. */
  memory: number
}

/** A runtime this near its memory ceiling gets new instances only if all are. */
const MEMORY_HIGH = 0.8

/**
 * The index of the best runtime, or -1 if none is up. Suspects are kept from each other, then from everyone else.
 * An app's instances are spread, so that it outlives a runtime; then the least busy wins, in steps of a quarter
 * core, then the one with the fewest instances.
 */
export function place(runtimes: readonly RuntimeLoad[], { isSuspect }: { isSuspect: boolean }): number {
  let best = -1
  for (let i = 0; i < runtimes.length; i++) {
    if (!runtimes[i]!.up) continue
    if (best === -1 || compare(runtimes[i]!, runtimes[best]!, isSuspect) < 0) best = i
  }
  return best
}

function compare(a: RuntimeLoad, b: RuntimeLoad, isSuspect: boolean): number {
  return (
    Number(a.leaving) - Number(b.leaving) ||
    a.suspects - b.suspects ||
    (isSuspect ? a.strangers - b.strangers : 0) ||
    Number(a.memory >= MEMORY_HIGH) - Number(b.memory >= MEMORY_HIGH) ||
    a.siblings - b.siblings ||
    Math.floor(a.busy * 4) - Math.floor(b.busy * 4) ||
    a.instances - b.instances
  )
}

/** What speaks for and against a runtime as a place for the app. */
export function loadOf(runtime: Runtime, app: string, standing: (app: string) => Standing): RuntimeLoad {
  const { up, busy, instances, stats, rssBytesMax } = runtime
  let siblings = 0
  let suspects = 0
  for (const { owner } of instances.values()) {
    if (owner.name === app) siblings++
    else if (standing(owner.name) !== 'good') suspects++
  }
  const strangers = instances.size - siblings
  const leaving = runtime.leaving || runtime.endangers(app)
  const memory = (stats?.rssBytes ?? 0) / rssBytesMax
  return { up, leaving, busy, siblings, strangers, suspects, instances: instances.size, memory }
}
