/**
 * Keeps all processes of the platform together below a ceiling: ends idle instances as it is neared, the largest
 * first, wherever they are, and the largest runtime when that was not enough.
 */
import { totalmem } from 'node:os'
import { SHORT, shed } from './memory.ts'

/** A runtime on this machine. */
interface Resident {
  readonly rssBytes: number
  readonly instances: ReadonlyMap<number, Unwanted>
  kill(reason: 'rss', detail: string): void
}

interface Unwanted {
  readonly inFlight: number
  readonly cpuMs: number
  readonly memoryBytes: number
  readonly owner: { onUnwanted(instance: Unwanted): void }
}

/** Of the machine's memory, or the container's: what is left is for the system and for whoever else is there. */
const MACHINE_SHARE = 0.8

export class PlatformMemory {
  readonly bytesMax: number
  /** At the last look there was too little, and everything idle has been ended since. */
  #wasOver = false

  /** @param bytesMax 0: what the machine can give */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax || MACHINE_SHARE * machineBytes()
  }

  /**
   * Adds up, and relieves if need be.
   *
   * @param otherBytes of processes that are neither this one nor a runtime
   */
  look(runtimes: readonly Resident[], otherBytes: number): void {
    const ownBytes = process.memoryUsage.rss()
    const total = runtimes.reduce((sum, { rssBytes }) => sum + rssBytes, ownBytes + otherBytes)
    const isOver = total > this.bytesMax
    if (isOver && this.#wasOver) this.#killLargest(runtimes, { total, ownBytes })
    else this.#wasOver = isOver
    const excessBytes = total - SHORT * this.bytesMax
    if (excessBytes <= 0) return
    const instances = runtimes.flatMap(runtime => [...runtime.instances.values()])
    for (const instance of shed(instances, excessBytes)) instance.owner.onUnwanted(instance)
  }

  #killLargest(
    runtimes: readonly Resident[],
    { total, ownBytes }: { total: number; ownBytes: number },
  ): void {
    this.#wasOver = false
    const biggest = runtimes.reduce((a, b) => (b.rssBytes > a.rssBytes ? b : a))
    // Where this process itself is the largest no runtime's death would help.
    if (biggest.rssBytes < ownBytes) return
    const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20)
    biggest.kill('rss', `${megabytes(total)} MB resident in all, ${megabytes(this.bytesMax)} MB allowed`)
  }
}

function machineBytes(): number {
  const container = process.constrainedMemory()
  return container > 0 ? Math.min(container, totalmem()) : totalmem()
}
