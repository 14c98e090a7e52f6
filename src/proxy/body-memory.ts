/**
 * Memory of request bodies. node:http reads each piece into a buffer of its own, outside of V8's heap, where they count
 * as pressure: V8 answers with a collection of the whole heap, tens of milliseconds for each 64 MB or so of bodies, when
 * all that it frees is young. Collecting the young in time takes a tenth of that.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes of bodies between two collections. */
const BYTES_MAX = 8 * 2 ** 20

type Collect = (options: { type: 'minor' }) => void

let bytes = 0
let collect: Collect | undefined

/** So many bytes of a body have been read, and are soon forgotten. */
export function bodyBytesRead(count: number): void {
  bytes += count
  if (bytes < BYTES_MAX) return
  bytes = 0
  collect ??= minorCollector()
  collect({ type: 'minor' })
}

function minorCollector(): Collect {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as Collect
  setFlagsFromString('--no-expose-gc')
  return gc
}
