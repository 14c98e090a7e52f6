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
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'

/**
 * How much of what a session yields by is for the threads that run apps in the other processes. With all of it they fare
 * no better than a session that yields: what their session gets of a core depends on the values of its threads there.
 */
const APPS_SHARE = 2 / 3

/** Of a process with more threads at a time the others stay as they are: each has a file open. */
const THREADS_MAX = 256

/** By how much who works for apps in the platform's session yields, where a session that yields does by `nice`. */
export function appsNice(nice: number): number {
  return Math.round(nice * APPS_SHARE)
}

/** The nice values of one process and its threads. */
export class Niceness implements Disposable {
  readonly #pid: number
  readonly #yields: boolean
  readonly #threads: Threads

  /** `yields`: all of it yields, and it is the first of its session. Otherwise those of its threads that run apps do. */
  constructor(pid: number, { yields }: { yields: boolean }) {
    this.#pid = pid
    this.#yields = yields
    this.#threads = new Threads(pid)
  }

  /**
   * Lowers the session by `nice`, and all threads of it that have come, but the first, which answers heartbeats and hands
   * to others what is theirs; or only the threads that run apps, by less. They are isolated-vm's, which give themselves no
   * name, so that they have the one of the thread that starts them, the first. To be called again and again: threads come
   * by and by. `nice` 0 leaves all as it is. Whether the session, if it is to, yields: its turn may be another's.
   */
  lower(nice: number): boolean {
    if (nice === 0) return true
    for (const { id, isNamed } of this.#threads.come()) {
      if (this.#yields) lower(id, nice)
      else if (!isNamed) lower(id, appsNice(nice))
    }
    return !this.#yields || yieldSession(this.#pid, nice)
  }

  /** To be called when the process has ended. */
  [Symbol.dispose](): void {
    this.#threads[Symbol.dispose]()
  }
}

/**
 * The threads of a process besides the first. Of each that has been seen the file with its name stays open until it has
 * gone, so that the kernel forgets its entry in /proc only then. Otherwise the thread itself takes that apart when it
 * ends, and whoever reaps the process spins until it is through (shrink_dcache_parent in fs/dcache.c of Linux 6.18):
 * threads that yield and end where all cores are taken kept the launcher's spinning for up to half a second, on one of
 * these cores.
 */
class Threads implements Disposable {
  readonly #pid: number
  /** By thread. */
  readonly #names = new Map<number, number>()

  constructor(pid: number) {
    this.#pid = pid
  }

  /** Those that have come since it was last asked, and whether they have given themselves a name. */
  *come(): Iterable<{ id: number; isNamed: boolean }> {
    const ids = threadsOf(this.#pid)
    for (const [id, file] of this.#names) {
      if (ids.includes(id)) continue
      this.#names.delete(id)
      closeSync(file)
    }
    const first = nameIn(`/proc/${this.#pid}/comm`)
    for (const id of ids) {
      if (id === this.#pid || this.#names.has(id) || this.#names.size === THREADS_MAX) continue
      const name = this.#open(id)
      if (name !== null) yield { id, isNamed: name !== first }
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#names.values()) closeSync(file)
    this.#names.clear()
  }

  /** Its name; null if it has ended. */
  #open(id: number): string | null {
    try {
      const file = openSync(`/proc/${this.#pid}/task/${id}/comm`, 'r')
      this.#names.set(id, file)
      return nameIn(file)
    } catch {
      return null
    }
  }
}

/** Null if the thread has ended. */
function nameIn(file: string | number): string | null {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return null
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    return []
  }
}

function lower(thread: number, nice: number): void {
  try {
    setPriority(thread, Math.min(getPriority() + nice, constants.priority.PRIORITY_LOW))
  } catch {
    // It has ended.
  }
}

/**
 * Whether it yields now. Without privilege Linux takes one session's value in 100 ms only
 * (proc_sched_autogroup_set_nice in kernel/sched/autogroup.c): only what is new is written.
 */
function yieldSession(pid: number, nice: number): boolean {
  const file = `/proc/${pid}/autogroup`
  try {
    if (!readFileSync(file, 'latin1').endsWith(` nice ${nice}\n`)) writeFileSync(file, String(nice))
    return true
  } catch (error) {
    // There are no such groups here, or the process has gone: nothing is to be tried again.
    return (error as NodeJS.ErrnoException).code !== 'EAGAIN'
  }
}
