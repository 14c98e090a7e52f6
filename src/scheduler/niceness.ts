/**
 * Has a process yield its cores to others, which needs no privilege and cannot be taken back without one.
 *
 * On Linux each thread has a nice value of its own. It counts among the threads of one session only where the kernel
 * shares cores between sessions first (sched(7), autogroup): that is why runtimes are in the platform's session. There
 * the kernel also lets one session's thread wait for others' far longer than it does within one: the platform's has
 * waited 108 ms beside two runtimes in sessions of their own. Elsewhere than on Linux nothing happens.
 */
import { readdirSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'

/**
 * Lowers the priority of all threads that a process has by now, to `nice` below ours, but of the first: it answers
 * heartbeats, and hands to others what is theirs. To be called again and again, since threads come by and by. `nice` 0
 * leaves all as it is.
 */
export function yieldCores(pid: number, nice: number): void {
  if (nice === 0) return
  const lowered = Math.min(getPriority() + nice, constants.priority.PRIORITY_LOW)
  for (const thread of threadsOf(pid)) {
    if (thread === pid) continue
    try {
      setPriority(thread, lowered)
    } catch {
      // It has ended.
    }
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    return []
  }
}
