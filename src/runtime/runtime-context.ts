/** What the instances of one runtime connection share. */

import type { FrameWriter } from './frame-writer.ts'
import type { Instance } from './instance.ts'
import type { EndReport } from './messages.ts'
import type { RequestTable } from './served-request.ts'
import type { Upstream } from './subrequest.ts'
import type { Watchdog } from './watchdog.ts'

export interface RuntimeContext {
  readonly writer: FrameWriter
  readonly requests: RequestTable
  readonly watchdog: Watchdog
  /** Loaded with the first subrequest: an HTTP client's code is memory that many platforms never need. */
  fetcher(): Promise<Upstream>
  /** Where what apps put into `caches` lies. */
  cache(): Promise<Upstream>
  readonly killGraceMs: number
  /** Has the instance pump, soon enough and with what else arrives in this turn. */
  pumpSoon(instance: Instance): void
  /** The isolate is beyond control: the process must be killed. */
  catastrophe(instance: Instance, report: EndReport): void
  ended(instance: Instance): void
}
