/**
 * Memory of bodies. Node reads each piece of one into a buffer of its own, outside of V8's heap, where they count as
 * pressure: V8 answers with a collection of the whole heap, tens of milliseconds for each 64 MB or so of bodies, when all
 * that it frees is young. Collecting the young in time takes a tenth of that.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes of bodies between two collections. */
const BYTES_MAX = 8 * 2 ** 20

/** Made when the process starts: while the flag is set, every context that comes about has the function. */
const collect = minorCollector()
let bytes = 0

/** So many bytes of bodies have been read into buffers that are soon forgotten. */
export function bodyBytesRead(count: number): void {
  bytes += count
  if (bytes < BYTES_MAX) return
  bytes = 0
  collect({ type: 'minor' })
}

function minorCollector(): (options: { type: 'minor' }) => void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: { type: 'minor' }) => void
  setFlagsFromString('--no-expose-gc')
  return gc
}
