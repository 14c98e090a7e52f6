/**
 * What to do when memory runs short: end who has grown beyond its limit, then idle instances, the largest first; only
 * then is a process killed.
 *
 * An isolate's heap, its buffers and most of its WebAssembly memory are known from heartbeats; memories that a module
 * keeps to itself show in the process alone. But touching memory takes CPU time: what a process has grown by beyond all
 * that the other isolates can have touched was the busiest one's doing.
 */

/** Memory is short above this share of a ceiling. */
export const SHORT = 0.8

/** What a millisecond of CPU time can make resident at most: twice of what was measured. */
const BYTES_PER_CPU_MS_MAX = 4 * 2 ** 20

/**
 * Instances to end, the largest first, until they hold `excessBytes` together as far as is known: of those without
 * requests that have not run since the last heartbeat, or, if these hold less than that, of all without requests.
 */
export function shed<T extends { inFlight: number; cpuMs: number; memoryBytes: number }>(
  instances: readonly T[],
  excessBytes: number,
): T[] {
  const unused = instances.filter(({ inFlight }) => inFlight === 0)
  const asleep = unused.filter(({ cpuMs }) => cpuMs === 0)
  const idle = sum(asleep) >= excessBytes ? asleep : unused
  idle.sort((a, b) => b.memoryBytes - a.memoryBytes)
  let freed = 0
  let count = 0
  while (count < idle.length && freed < excessBytes) freed += idle[count++]!.memoryBytes
  return idle.slice(0, count)
}

function sum(instances: readonly { memoryBytes: number }[]): number {
  return instances.reduce((bytes, { memoryBytes }) => bytes + memoryBytes, 0)
}

/**
 * How much of a process' growth between two heartbeats only the busiest instance can have caused; null if none of it
 * is certain. `cpuMs`: used meanwhile; `elsewhereMs`: by instances that have ended since.
 */
export function certainGrowth<T extends { cpuMs: number }>(
  instances: readonly T[],
  { grownBytes, elsewhereMs }: { grownBytes: number; elsewhereMs: number },
): { instance: T; bytes: number } | null {
  if (instances.length === 0) return null
  const instance = instances.reduce((a, b) => (b.cpuMs > a.cpuMs ? b : a))
  const othersMs = instances.reduce((sum, { cpuMs }) => sum + cpuMs, elsewhereMs - instance.cpuMs)
  const bytes = grownBytes - othersMs * BYTES_PER_CPU_MS_MAX
  return bytes > 0 ? { instance, bytes } : null
}
