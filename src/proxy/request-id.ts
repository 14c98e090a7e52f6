/** The `x-request-id`: the client's own if it is well-formed, else a random one. */
import { randomFillSync } from 'node:crypto'

const WELL_FORMED = /^[\w.:+=/-]{1,128}$/

const ID_BYTES = 16

/** Random bytes are cheap by the page and dear by the piece. */
const pool = Buffer.allocUnsafeSlow(ID_BYTES * 256)
let used = pool.length

export function requestIdFrom(header: string | undefined): string {
  return header !== undefined && WELL_FORMED.test(header) ? header : randomRequestId()
}

function randomRequestId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += ID_BYTES
  return pool.toString('hex', used - ID_BYTES, used)
}
