/**
 * Memory that a socket is read into, lent to whoever writes parts of it on without a copy. A slab is read into again
 * only when nobody holds bytes of it any more: with bodies copied to buffers of their own, most of a busy process'
 * time went to collecting these.
 */

/** Who was lent bytes. */
export interface Holder {
  /** So far. */
  readonly bytesLent: number
  /** How many of them, at most, it has not done with, the last ones. */
  readonly bytesHeld: number
}

interface Slab {
  readonly buffer: Buffer
  readonly loans: Loan[]
}

/** A loan ends when the holder has done with all that it was lent up to a count. */
interface Loan {
  readonly holder: Holder
  until: number
}

const SLAB_BYTES = 131_072
/** Slabs that are kept until their holders are done; those beyond it are left to the garbage collector. */
const RESTING_MAX = 64
/** How many of them are looked at before a new one is made. */
const LOOKS_MAX = 4

export class ReadSlabs {
  #current: Slab = newSlab()
  /** The one that has rested for longest comes first. */
  readonly #resting: Slab[] = []

  /** A slab that nobody holds bytes of. */
  readonly next = (): Buffer => {
    if (isFree(this.#current)) return this.#current.buffer
    this.#resting.push(this.#current)
    this.#current = this.#takeFree() ?? newSlab()
    if (this.#resting.length > RESTING_MAX) this.#resting.shift()
    return this.#current.buffer
  }

  /** The holder is about to be lent so many bytes of the slab that `next` gave last. */
  lend(holder: Holder, bytes: number): void {
    const { loans } = this.#current
    const last = loans[loans.length - 1]
    // Not what this slab lends alone: some comes from elsewhere in between.
    const until = holder.bytesLent + bytes
    if (last?.holder === holder) last.until = until
    else loans.push({ holder, until })
  }

  #takeFree(): Slab | undefined {
    for (let i = 0; i < LOOKS_MAX && i < this.#resting.length; i++) {
      if (isFree(this.#resting[i]!)) return this.#resting.splice(i, 1)[0]
    }
    return undefined
  }
}

function newSlab(): Slab {
  return { buffer: Buffer.allocUnsafeSlow(SLAB_BYTES), loans: [] }
}

function isFree({ loans }: Slab): boolean {
  while (loans.length > 0) {
    const { holder, until } = loans[loans.length - 1]!
    if (holder.bytesHeld > 0 && holder.bytesLent - holder.bytesHeld < until) return false
    loans.pop()
  }
  return true
}
