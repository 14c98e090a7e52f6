/**
 * What to do when memory runs short: end idle instances, the largest first, and whoever is growing; only then is a
 * process killed.
 *
 * An isolate's heap and buffers are known from heartbeats; WebAssembly's memory shows in the process alone. But
 * touching memory takes CPU time: if a process has grown by more than all isolates but one can have touched, it was
 * that one's doing.
 */

/** Memory is short above this share of a ceiling. */
export const SHORT = 0.8

/** Growth that the platform's own work does not explain. */
const GROWTH_BYTES_MIN = 16 * 2 ** 20

/** More than a millisecond of CPU time can make resident, huge pages included. */
const BYTES_PER_CPU_MS_MAX = 16 * 2 ** 20

/** Instances to end, the largest first, until they hold `excessBytes` together as far as is known. */
export function shed<T extends { inFlight: number; memoryBytes: number }>(
  instances: readonly T[],
  excessBytes: number,
): T[] {
  const idle = instances.filter(instance => instance.inFlight === 0)
  idle.sort((a, b) => b.memoryBytes - a.memoryBytes)
  let freed = 0
  let count = 0
  while (count < idle.length && freed < excessBytes) freed += idle[count++]!.memoryBytes
  return idle.slice(0, count)
}

/** Who made most of a process' growth between two heartbeats, if it can have been only one. `cpuMs`: meanwhile. */
export function grower<T extends { cpuMs: number }>(instances: readonly T[], grownBytes: number): T | null {
  if (grownBytes < GROWTH_BYTES_MIN || instances.length === 0) return null
  const busiest = instances.reduce((a, b) => (b.cpuMs > a.cpuMs ? b : a))
  const othersMs = instances.reduce((sum, { cpuMs }) => sum + cpuMs, -busiest.cpuMs)
  return othersMs * BYTES_PER_CPU_MS_MAX < grownBytes / 2 ? busiest : null
}

/** Whose known memory is more than half of what its process holds, if anybody's is. */
export function largest<T extends { memoryBytes: number }>(instances: readonly T[], rssBytes: number): T | null {
  return instances.find(({ memoryBytes }) => memoryBytes > rssBytes / 2) ?? null
}
