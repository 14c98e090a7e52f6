/**
 * Has a process yield its cores to others, which needs no privilege and cannot be taken back without one.
 *
 * Linux keeps a nice value for each thread, and one for each session where it schedules sessions against each other
 * (sched(7), autogroup): there, threads' own values count within the session only. The process' first thread keeps its
 * value: it answers heartbeats, and hands to others what is theirs. Elsewhere than on Linux nothing happens.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/** Lowers the session's priority; the process is the first of its session. */
export function yieldSession(pid: number, nice: number): void {
  if (nice === 0) return
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(nice))
  } catch {
    // There are no such groups here, or the process has gone.
  }
}

/** Lowers the priority of all threads that there are by now, but of the first. */
export function yieldThreads(pid: number, nice: number): void {
  if (nice === 0) return
  for (const thread of threadsOf(pid)) {
    if (thread === pid) continue
    try {
      setPriority(thread, nice)
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
