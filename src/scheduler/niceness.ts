/**
 * Has a process yield its cores to others, which needs no privilege and cannot be taken back without one.
 *
 * Linux keeps a nice value for each thread, and one for each session where it schedules sessions against each other
 * (sched(7), autogroup): there, threads' own values count within the session only. The process' first thread keeps its
 * value: it answers heartbeats, and hands to others what is theirs. Elsewhere than on Linux nothing happens.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/**
 * Lowers the priority of a process' session, whose first process it is, and of all threads that it has by now, but of
 * the first. To be called again and again: threads come by and by, and without privilege Linux takes one session's
 * value in 100 ms only (proc_sched_autogroup_set_nice in kernel/sched/autogroup.c). `nice` 0 leaves all as it is.
 */
export function yieldCores(pid: number, nice: number): void {
  if (nice === 0) return
  yieldSession(pid, nice)
  for (const thread of threadsOf(pid)) {
    if (thread === pid) continue
    try {
      setPriority(thread, nice)
    } catch {
      // It has ended.
    }
  }
}

/** Writes only what is new: a value written anew would take another session's turn. */
function yieldSession(pid: number, nice: number): void {
  const file = `/proc/${pid}/autogroup`
  try {
    if (!readFileSync(file, 'latin1').endsWith(` nice ${nice}\n`)) writeFileSync(file, String(nice))
  } catch {
    // There are no such groups here, the process has gone, or it was another session's turn.
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    return []
  }
}
