/** Bytes in pieces, in one piece. */
import { typedArrayByteLength, typedArraySet } from './primordials.ts'

/** One array of all the chunks' bytes, `total` in number. */
export function joinBytes(chunks: readonly Uint8Array[], total: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(total)
  let at = 0
  for (let i = 0; i < chunks.length; i++) {
    typedArraySet(all, chunks[i]!, at)
    at += typedArrayByteLength(chunks[i]!)
  }
  return all
}
