/**
 * What the calls into an isolate use of a core, and whether the one under way uses too much or stands still.
 *
 * One call enters many requests, and the isolate says which (sandbox/wire.ts, CONTROL). So a request is charged an equal
 * part of each call that entered it, and one under way what its call has used since the isolate last entered another.
 * The isolate may lie: a call as a whole has a limit, too.
 */
import { CONTROL } from '../sandbox/wire.ts'
import { CpuClock } from './cpu-clock.ts'
import type { Isolate } from './isolate.ts'
import type { InstanceStats } from './messages.ts'
import type { Look } from './watchdog.ts'

export const NS_PER_MS = 1e6

/** What bytes cost the threads that carry them, in runtime and platform (bench/run.ts bodies): 1 ms of a core for 1 MiB. */
const NS_PER_BYTE = NS_PER_MS / 2 ** 20

/** An isolate that is running without using CPU time for this long stands still (WebAssembly's memory.atomic.wait32). */
const STALL_MS = 450

/** So much CPU time in that time is none: the system's counts of a process' threads are renewed 4 ms apart. */
const STALL_CPU_MS = 3

/** Of the time between two looks no more counts for that: this process had no core, and its isolates no more than it. */
const LOOK_MS_MAX = 10

/** CPU time of one call, in limits of one request. */
const CALL_LIMITS_MAX = 3

/** What is wrong with a call: V8 has given its isolate up, it uses too much CPU time, or none. */
export type Fault = 'gone' | 'overrun' | 'stall'

/** What the request that the call says is running may use, or the start. */
export interface Allowance {
  /** CPU time that earlier calls used for it, in ns. */
  usedNs: number
  limitMs: number
  /** The isolate enters one request after the other: what came before the present one is not its. */
  entersRequests: boolean
}

export class CallMeter {
  /** Into the isolate, so far: while their number stays, it is idle. */
  calls = 0
  readonly #control: Int32Array
  readonly #cpu: CpuClock
  #startedAt = 0
  #startNs = 0
  #startEntries = 0
  // At the last look at the call under way.
  #seenEntries = 0
  #seenNs = 0
  #lookedAt = 0
  /** For so long there has been no progress, and this is what it has used in that time for certain, both in ms. */
  #stillMs = 0
  #certainMs = 0
  // Since the last statistics.
  #busyMs = 0
  #reportedNs = 0
  #reportedAt = performance.now()
  #servedNs = 0

  constructor(isolate: Pick<Isolate, 'cpuNs' | 'control'>) {
    this.#cpu = new CpuClock(isolate)
    this.#control = new Int32Array(isolate.control)
  }

  /** CPU time of all calls, in ms, as of the last look. */
  get cpuMs(): number {
    return this.#cpu.ns / NS_PER_MS
  }

  set isCompiling(is: boolean) {
    this.#cpu.isCompiling = is
  }

  begin(): void {
    this.calls++
    this.#startedAt = performance.now()
    this.#startNs = this.#cpu.ns
    this.#startEntries = this.#control[CONTROL.entries]!
    this.#seenEntries = this.#startEntries + 1
    this.#seenNs = this.#cpu.ns
    this.#lookedAt = this.#startedAt
    this.#stillMs = 0
    this.#certainMs = 0
  }

  /** `share`: for how much of the time since the last look it had a core. */
  end(share: number): void {
    this.#busyMs += performance.now() - this.#startedAt
    this.#cpu.charge(share)
  }

  /** Of the call that has ended, for each request that it entered. */
  get nsEach(): number {
    const entries = Math.max(1, this.#control[CONTROL.entries]! - this.#startEntries)
    return (this.#cpu.ns - this.#startNs) / entries
  }

  /** Of the call under way, since the isolate was last seen to enter a request. */
  get unchargedNs(): number {
    return Math.max(0, this.#cpu.ns - this.#seenNs)
  }

  /** A look at the call under way, with what the watchdog says of it; null if nothing is wrong. */
  look({ now, share, leastShare }: Look, { usedNs, limitMs, entersRequests }: Allowance): Fault | null {
    if (!this.#cpu.charge(share)) return 'gone'
    const { ns } = this.#cpu
    const entries = this.#control[CONTROL.entries]!
    if (entries !== this.#seenEntries && entersRequests) {
      this.#seenEntries = entries
      this.#seenNs = ns
    }
    if (usedNs + ns - this.#seenNs > limitMs * NS_PER_MS) return 'overrun'
    // Whatever the isolate says about whose turn it is: one call enters new requests within a millisecond only.
    if (ns - this.#startNs > CALL_LIMITS_MAX * limitMs * NS_PER_MS) return 'overrun'
    this.#stillMs += Math.min(now - this.#lookedAt, LOOK_MS_MAX)
    this.#certainMs += (now - this.#lookedAt) * leastShare
    this.#lookedAt = now
    if (this.#certainMs > STALL_CPU_MS) this.#stillMs = this.#certainMs = 0
    return this.#stillMs > STALL_MS ? 'stall' : null
  }

  /** Bytes have left the isolate, or have come for it: the process' other threads have work with them. */
  moved(bytes: number): void {
    if (bytes > 0) this.served(bytes * NS_PER_BYTE)
  }

  /** Threads that serve all isolates have used so much CPU time for this one. */
  served(ns: number): void {
    this.#servedNs += ns
  }

  /** Whether there is anything to report of an isolate that has not run. */
  get wasServed(): boolean {
    return this.#servedNs > 0
  }

  /** Since it was last asked, as of `InstanceStats`. */
  report(now: number, running: boolean): Pick<InstanceStats, 'cpuMs' | 'busy' | 'servedMs'> {
    if (running) {
      this.#busyMs += now - this.#startedAt
      this.#startedAt = now
    }
    const cpuMs = (this.#cpu.ns - this.#reportedNs) / NS_PER_MS
    const busy = Math.min(1, this.#busyMs / Math.max(1, now - this.#reportedAt))
    this.#reportedNs = this.#cpu.ns
    this.#busyMs = 0
    this.#reportedAt = now
    const servedMs = this.#servedNs / NS_PER_MS
    this.#servedNs = 0
    return { cpuMs, busy, servedMs }
  }
}
