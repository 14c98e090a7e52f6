/** What a runtime client tells of its runtime. */
import type { Exchange } from '../scheduler/exchange.ts'
import type { InstanceEnd, LogLine, Notice, RequestEnd } from './messages.ts'

/** What becomes known of a runtime. Exchanges named here have been unlinked already. */
export interface RuntimeEvents {
  /** Its start has succeeded: told before anything of the requests that were sent to it ahead. */
  instanceStarted(instance: number): void
  /** It is to end and has not yet: its process may have to be killed. Its end, or `catastrophe`, follows. */
  instanceStuck(instance: number): void
  /** It was stopped, or killed with one request to blame (`guilty`) or none. */
  instanceEnded(
    instance: number,
    end: InstanceEnd,
    failed: FailedExchanges & { guilty: Exchange | null },
  ): void
  /** The instance no longer holds the request: response and waitUntil work are over. */
  finished(instance: number, exchange: Exchange, end: RequestEnd): void
  /** `exchange`: the request that it belongs to, if it is known and still there. */
  log(instance: number, line: LogLine, exchange: Exchange | null): void
  notice(instance: number, notice: Notice): void
  /** The isolate of an instance, whose end is told next, cannot be ended: kill the process. */
  catastrophe(message: string, instance: number): void
  /** The connection is gone. Called once. */
  closed(failed: (FailedExchanges & { instance: number })[], reason: string): void
}

export interface FailedExchanges {
  /** May have reached guest code. */
  entered: Exchange[]
  /** Certainly have not. */
  untouched: Exchange[]
}
