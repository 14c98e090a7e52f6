/** Bytes that come in parts and are wanted in one piece. */
import { joinBytes } from './join-bytes.ts'
import { arrayPush, typedArrayBuffer, typedArrayByteLength, typedArraySet } from './primordials.ts'

/** Of what is expected this much must have come before memory is set aside for all: whoever sends may only say so. */
const SENT_SHARE = 1 / 8

export class GatheredBytes {
  /** How many bytes there will be, as far as anybody has said: it need not be true, nor possible. 0: nobody has. */
  #expected: number
  /** Where they belong, once that is believed: to join them in the end takes as much memory again. */
  #whole: Uint8Array<ArrayBuffer> | null = null
  #parts: Uint8Array[] = []
  #total = 0

  constructor(expected: number) {
    this.#expected = expected
  }

  add(part: Uint8Array): void {
    const end = this.#total + typedArrayByteLength(part)
    if (this.#whole === null && end <= this.#expected && end >= this.#expected * SENT_SHARE) this.#setAside()
    else if (this.#whole !== null && end > typedArrayByteLength(this.#whole)) this.#giveUp()
    if (this.#whole === null) arrayPush(this.#parts, part)
    else typedArraySet(this.#whole, part, this.#total)
    this.#total = end
  }

  /** All of them. */
  all(): ArrayBuffer {
    if (this.#whole !== null && typedArrayByteLength(this.#whole) > this.#total) this.#giveUp()
    const all = this.#whole ?? joinBytes(this.#parts, this.#total)
    return typedArrayBuffer(all) as ArrayBuffer
  }

  #setAside(): void {
    try {
      this.#whole = new Uint8Array(this.#expected)
    } catch {
      this.#expected = 0
      return
    }
    typedArraySet(this.#whole, joinBytes(this.#parts, this.#total), 0)
    this.#parts = []
  }

  /** There were more or fewer. */
  #giveUp(): void {
    this.#parts = [new Uint8Array(typedArrayBuffer(this.#whole!), 0, this.#total)]
    this.#whole = null
    this.#expected = 0
  }
}
