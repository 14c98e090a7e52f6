/**
 * Has threads yield their cores to others, which needs no privilege and cannot be taken back without one.
 *
 * On Linux each thread has a nice value of its own. It counts among the threads of one session only where the kernel
 * shares cores between sessions first (sched(7), autogroup), by nice values of theirs. There a process that yields has a
 * session of its own: however many threads it runs, together they have what its value leaves them. All others are in the
 * platform's session, and threads that run apps yield to those that carry everybody's requests. Between sessions of equal
 * value the platform's thread, which all requests pass, has waited 108 ms for a core beside two runtimes; within one
 * 34 was the longest. Elsewhere than on Linux nothing happens.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'

/**
 * Lowers the priority of a process that is the first of its session: sets the session's value to `nice`, and those of
 * all threads that it has by now to `nice` below ours, but of the first, which answers heartbeats and hands to others what
 * is theirs. To be called again and again: threads come by and by, and without privilege Linux takes one session's value
 * in 100 ms only (proc_sched_autogroup_set_nice in kernel/sched/autogroup.c). `nice` 0 leaves all as it is.
 */
export function yieldCores(pid: number, nice: number): void {
  if (nice === 0) return
  yieldSession(pid, nice)
  for (const thread of threadsOf(pid)) if (thread !== pid) lower(thread, nice)
}

/**
 * How much of `nice` for the threads that run apps in the other processes. With all of it they fare no better than a
 * session that yields: what their session gets of a core depends on the values of its threads there.
 */
const APPS_SHARE = 2 / 3

/**
 * Lowers the threads of a process that run apps. They are isolated-vm's, which come by and by and give themselves no
 * name, so that they have the one of the thread that starts them, the first. To be called again and again: `lowered` has
 * those that have been. A request passes four threads, and at each of them would wait for its turn among all apps'.
 */
export function lowerApps(pid: number, nice: number, lowered: Set<number>): void {
  if (nice === 0) return
  const threads = threadsOf(pid)
  for (const thread of lowered) if (!threads.includes(thread)) lowered.delete(thread)
  const name = nameOf(pid, pid)
  for (const thread of threads) {
    if (thread === pid || lowered.has(thread) || nameOf(pid, thread) !== name) continue
    lower(thread, Math.round(nice * APPS_SHARE))
    lowered.add(thread)
  }
}

function lower(thread: number, nice: number): void {
  try {
    setPriority(thread, Math.min(getPriority() + nice, constants.priority.PRIORITY_LOW))
  } catch {
    // It has ended.
  }
}

/** Null if it has ended. */
function nameOf(pid: number, thread: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/comm`, 'latin1')
  } catch {
    return null
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
