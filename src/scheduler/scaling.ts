/** When an app gets one more instance: if those it has stay behind, and a core is free to help. */

export interface PoolLoad {
  /** Of each ready instance: share of the time it ran, and events and requests that wait for it. */
  ready: readonly { busy: number; queued: number }[]
  /** Starting ones included. */
  instances: number
  instancesMax: number
}

/** Heartbeats in a row for which a backlog must last. */
export const BACKLOG_BEATS = 3

/** An isolate that ran for this share of the time has no more to give. */
const BUSY = 0.9

/** A runtime less busy than this has a core to spare. */
const IDLE_CORE = 0.5

/** Whether every ready instance is saturated and has events waiting. */
export function isBacklogged({ ready }: PoolLoad): boolean {
  return ready.length > 0 && ready.every(instance => instance.busy >= BUSY && instance.queued > 0)
}

/** Whether to start one more, given the load of the runtime it would go to and for how long the backlog lasts. */
export function shouldScaleUp(
  load: PoolLoad,
  { beats, runtimeBusy }: { beats: number; runtimeBusy: number },
): boolean {
  return beats >= BACKLOG_BEATS && load.instances < load.instancesMax && runtimeBusy < IDLE_CORE
}
