/**
 * Of a body that comes in short pieces so many go on as they come. Those that follow are put together for a while: each
 * costs its way 2 us, however short it is. They are copied, as a thousand small objects that live until the next garbage
 * collection cost that more than all their bytes.
 */

const SMALL_BYTES_MAX = 1024
const AT_ONCE = 64
/** Becomes twice as long where that is not enough. */
const TOGETHER_BYTES = 4096

const NOTHING = Buffer.alloc(0)

export class SmallPieces {
  #seen = 0
  #count = 0
  #together = NOTHING
  #bytes = 0

  /** How many are kept, with this one; 0: it is to go on as it is, behind `take`. */
  keep(piece: Buffer): number {
    if (piece.length >= SMALL_BYTES_MAX || ++this.#seen <= AT_ONCE) return 0
    const end = this.#bytes + piece.length
    if (end > this.#together.length) this.#grow()
    if (piece.length === 1) this.#together[this.#bytes] = piece[0]!
    else this.#together.set(piece, this.#bytes)
    this.#bytes = end
    return ++this.#count
  }

  /** All that is kept, as one piece; null if nothing is. */
  take(): Buffer | null {
    if (this.#count === 0) return null
    const together = this.#together.subarray(0, this.#bytes)
    this.#together = NOTHING
    this.#bytes = this.#count = 0
    return together
  }

  #grow(): void {
    const longer = Buffer.allocUnsafeSlow(Math.max(TOGETHER_BYTES, 2 * this.#together.length))
    longer.set(this.#together)
    this.#together = longer
  }
}
