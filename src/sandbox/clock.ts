/**
 * The clock behind `performance.now()` and `event.timeStamp`.
 */
import { host } from './current-host.ts'

/** When the sandbox was loaded, milliseconds since the epoch. */
export const timeOrigin = Date.now()

/** Milliseconds since `timeOrigin`. */
export function performanceNow(): number {
  return host.now() - timeOrigin
}
