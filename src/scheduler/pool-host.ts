/** What a pool of instances needs of the scheduler. */
import type { Config } from '../config.ts'
import type { DispatchedExchange } from './dispatch.ts'
import type { Failure } from './failure.ts'
import type { InstancePool } from './instance-pool.ts'

export interface PoolHost {
  readonly config: Pick<Config, 'instancesMax' | 'idleMs'>
  now(): number
  /** How long the app may not start an instance. */
  pausedMs(app: string): number
  /** Has the exchange routed anew: this pool is not the app's any more. */
  reroute(exchange: DispatchedExchange): void
  /** The exchange holds nothing here any more. */
  release(exchange: DispatchedExchange): void
  fail(exchange: DispatchedExchange, failure: Failure): void
  /** As `AppStacks.shown`. */
  shownStack(app: string, bundleHash: string, stack: string): Promise<string> | null
  /** The first request has come to the pool, or the last has left. */
  onActive(active: boolean): void
  /** The pool is no app's current one any more, and may still hold something. */
  onRetired(pool: InstancePool): void
  /** A retired pool has nothing left. */
  onEmpty(pool: InstancePool): void
}
