/**
 * Memory of bodies. Node reads each piece of one into a buffer of its own, outside of V8's heap, where they count as
 * pressure: V8 answers with a collection of the whole heap, tens of milliseconds for each 64 MB or so of bodies, when all
 * that it frees is young. Collecting the young in time takes a tenth of that.
 *
 * Long texts out of isolates are external strings, which are old from the start and weigh next to nothing in V8's eyes:
 * left alone, hundreds of MB of them gather.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes of bodies between two collections of the young. */
const BYTES_MAX = 8 * 2 ** 20
/** Characters of texts between two collections of the whole heap, of some 5 ms each where only a runtime's heap is. */
const TEXT_CHARS_MAX = 32 * 2 ** 20

/** Made when the process starts: while the flag is set, every context that comes about has the function. */
const collect = collector()
let bytes = 0
let textChars = 0

/**
 * Gives the memory of bytes back now rather than at a collection, if nothing else lies in it: nobody may look at them
 * any more. Collecting the buffers of a long body takes longer than to send it on.
 */
export function freeBytes(bytes: Buffer): void {
  const { buffer } = bytes
  const isAll = bytes.length > 0 && bytes.length === buffer.byteLength
  if (isAll && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** So many bytes of bodies have been read into buffers that are soon forgotten. */
export function bodyBytesRead(count: number): void {
  bytes += count
  if (bytes < BYTES_MAX) return
  bytes = 0
  collect({ type: 'minor' })
}

/** A text of so many characters has come from an isolate, and is soon forgotten. */
export function externalTextRead(chars: number): void {
  textChars += chars
  if (textChars < TEXT_CHARS_MAX) return
  textChars = 0
  collect({ type: 'major' })
}

function collector(): (options: { type: 'minor' | 'major' }) => void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void
  setFlagsFromString('--no-expose-gc')
  return gc
}
