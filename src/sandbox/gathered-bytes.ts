/** Bytes that come in parts and are wanted in one piece. */
import { joinBytes } from './join-bytes.ts'
import { arrayPush, typedArrayBuffer, typedArrayByteLength, typedArraySet } from './primordials.ts'

export class GatheredBytes {
  /** Where they belong if it is known how many there will be: to join them takes as much memory again. */
  #whole: Uint8Array<ArrayBuffer> | null = null
  #parts: Uint8Array[] = []
  #total = 0

  /** `expected`: how many bytes will come, as far as anybody has said: it need not be true, nor possible. */
  constructor(expected: number) {
    try {
      if (expected > 0) this.#whole = new Uint8Array(expected)
    } catch {}
  }

  add(part: Uint8Array): void {
    const end = this.#total + typedArrayByteLength(part)
    if (this.#whole !== null && end > typedArrayByteLength(this.#whole)) {
      this.#parts = [new Uint8Array(typedArrayBuffer(this.#whole), 0, this.#total)]
      this.#whole = null
    }
    if (this.#whole === null) arrayPush(this.#parts, part)
    else typedArraySet(this.#whole, part, this.#total)
    this.#total = end
  }

  /** All of them. */
  all(): ArrayBuffer {
    if (this.#whole !== null && typedArrayByteLength(this.#whole) === this.#total) {
      return typedArrayBuffer(this.#whole) as ArrayBuffer
    }
    const parts =
      this.#whole === null ? this.#parts : [new Uint8Array(typedArrayBuffer(this.#whole), 0, this.#total)]
    return typedArrayBuffer(joinBytes(parts, this.#total)) as ArrayBuffer
  }
}
