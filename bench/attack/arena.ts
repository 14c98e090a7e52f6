/**
 * A platform with victims under steady load, and what can be measured of both while something else goes on. There is one
 * in each runtime: whoever comes is the neighbour of one of them, and all of them together are called the victim.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { ACCOMPLICE_HOST, startAccomplice } from '../../test/support/accomplice.ts'
import { LogReader } from '../support/log-reader.ts'
import { Platform } from '../support/platform.ts'
import { percentile } from '../support/statistics.ts'
import { cpuMs, endedChildrenCpuMs, residentBytes } from '../support/usage.ts'
import type { VictimOptions, VictimReport } from './victim-thread.ts'

export const CONNECTIONS = 64
export const PER_SECOND = 500

/** A response that takes long to begin is given up after this, so that the table is done in minutes. */
export const WALL_MS = 1500

const BODY = 'well'
const VICTIM = `export default { fetch() { return new Response('${BODY}') } }`
const RSS_POLL_MS = 100

export interface Measured<T> {
  value: T
  victim: { requests: number; failures: string[]; p99Ms: number }
  /** CPU time that all processes of the platform used, and their clients beside them, in cores. */
  cpuCores: number
  rssPeakBytes: number
}

export class Arena implements AsyncDisposable {
  readonly platform: Platform
  /** What the platform logs, but for the victim's requests. */
  readonly log: LogReader
  readonly #victim: Worker
  readonly #accomplice: AsyncDisposable

  private constructor(platform: Platform, victim: Worker, accomplice: AsyncDisposable) {
    this.platform = platform
    this.log = new LogReader(platform.process.log, line => !line.includes('"app":"victim-'))
    this.#victim = victim
    this.#accomplice = accomplice
  }

  static async open(): Promise<Arena> {
    const limits = ['--wall-ms', String(WALL_MS), '--wait-until-ms', '500', '--subrequest-timeout-ms', '2000']
    const platform = await Platform.start({ flags: [...limits, '--egress-allow', ACCOMPLICE_HOST] })
    const accomplice = await startAccomplice()
    const status = await (await fetch(new URL('/api/v1/status', platform.controlUrl))).json()
    const names = (status as { runtimes: unknown[] }).runtimes.map((_, n) => `victim-${n}`)
    for (const name of names) await platform.upload(name, VICTIM)
    const workerData: VictimOptions = {
      port: platform.appsPort,
      hosts: names.map(name => `${name}.localhost`),
      connections: CONNECTIONS,
      perSecond: PER_SECOND,
      body: BODY,
    }
    const victim = new Worker(new URL('./victim-thread.ts', import.meta.url), { workerData })
    return new Arena(platform, victim, accomplice)
  }

  /** Measures while `act` goes on, and for at least this long. */
  async measure<T>(act: () => Promise<T>, ms: number): Promise<Measured<T>> {
    let rssPeakBytes = this.rssBytes()
    const watch = setInterval(() => {
      rssPeakBytes = Math.max(rssPeakBytes, this.rssBytes())
    }, RSS_POLL_MS)
    await this.#report()
    const usedBefore = this.#cpuMs()
    const began = performance.now()
    const value = await act()
    await sleep(Math.max(0, ms - (performance.now() - began)))
    const took = performance.now() - began
    const cpuCores = (this.#cpuMs() - usedBefore) / took
    const { latencies, failures } = await this.#report()
    clearInterval(watch)
    if (this.platform.process.pids.length === 0) throw new Error('the platform has died')
    const p99Ms = latencies.length > 0 ? percentile(latencies, 0.99) : Number.POSITIVE_INFINITY
    const requests = latencies.length + failures.length
    return { value, victim: { requests, failures, p99Ms }, cpuCores, rssPeakBytes }
  }

  rssBytes(): number {
    return residentBytes(this.platform.process.pids)
  }

  /** Deletes an app; what it held is given back soon after. */
  async delete(app: string): Promise<void> {
    await fetch(new URL(`/api/v1/apps/${app}`, this.platform.controlUrl), { method: 'DELETE' })
  }

  /** Of processes that have ended, too, and of this one: its clients take from the same cores. */
  #cpuMs(): number {
    const { pids } = this.platform.process
    return cpuMs([process.pid, ...pids]) + (pids[0] === undefined ? 0 : endedChildrenCpuMs(pids[0]))
  }

  #report(): Promise<VictimReport> {
    return new Promise(resolve => {
      this.#victim.once('message', resolve)
      this.#victim.postMessage(null)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#victim.terminate()
    await this.#accomplice[Symbol.asyncDispose]()
    await this.platform[Symbol.asyncDispose]()
  }
}
