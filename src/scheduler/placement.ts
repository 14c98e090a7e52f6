/** Which runtime a new instance goes to. */

export interface RuntimeLoad {
  up: boolean
  /** Isolates running at the moment: the sum of their shares of the time since the last heartbeat. */
  busy: number
  instances: number
  /** Instances of the same app. */
  siblings: number
  /** Resident memory as a share of the ceiling, 0 to 1. */
  memory: number
}

/** A runtime this near its memory ceiling gets new instances only if all are. */
const MEMORY_HIGH = 0.8

/**
 * The index of the best runtime, or -1 if none is up. An app's instances are spread, so that it outlives a runtime;
 * then the least busy wins, in steps of a quarter core, then the one with the fewest instances.
 */
export function place(runtimes: readonly RuntimeLoad[]): number {
  let best = -1
  for (let i = 0; i < runtimes.length; i++) {
    if (runtimes[i]!.up && (best === -1 || compare(runtimes[i]!, runtimes[best]!) < 0)) best = i
  }
  return best
}

function compare(a: RuntimeLoad, b: RuntimeLoad): number {
  return (
    Number(a.memory >= MEMORY_HIGH) - Number(b.memory >= MEMORY_HIGH) ||
    a.siblings - b.siblings ||
    Math.floor(a.busy * 4) - Math.floor(b.busy * 4) ||
    a.instances - b.instances
  )
}
