/** CPU time of an isolate, by isolated-vm's clock, which goes on while the isolate waits for a core. */
import type { Isolate } from './isolate.ts'

export class CpuClock {
  readonly #isolate: Pick<Isolate, 'cpuNs'>
  #readNs: number
  /** In nanoseconds, as of the last charge; what it took to make the isolate is not its app's. */
  ns = 0
  /** Modules are linked on the host's own thread, of which no share is known: meanwhile all time is charged. */
  isCompiling = false

  constructor(isolate: Pick<Isolate, 'cpuNs'>) {
    this.#isolate = isolate
    this.#readNs = Number(isolate.cpuNs() ?? 0)
  }

  /** Counts the time since the last charge, as far as a core was had. Whether the isolate still has a clock. */
  charge(share: number): boolean {
    const read = this.#isolate.cpuNs()
    if (read === null) return false
    this.ns += (Number(read) - this.#readNs) * (this.isCompiling ? 1 : share)
    this.#readNs = Number(read)
    return true
  }
}
