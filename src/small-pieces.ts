/**
 * Of a body that comes in short pieces so many go on as they come. Those that follow are put together for a while: each
 * costs its way 2 us, however short it is.
 */

const SMALL_BYTES_MAX = 1024
const AT_ONCE = 64

export class SmallPieces {
  #seen = 0
  #kept: Buffer[] = []

  /** How many are kept, with this one; 0: it is to go on as it is, behind `take`. */
  keep(piece: Buffer): number {
    return piece.length < SMALL_BYTES_MAX && ++this.#seen > AT_ONCE ? this.#kept.push(piece) : 0
  }

  /** All that is kept, as one piece; null if nothing is. */
  take(): Buffer | null {
    if (this.#kept.length === 0) return null
    const kept = this.#kept
    this.#kept = []
    return Buffer.concat(kept)
  }
}
