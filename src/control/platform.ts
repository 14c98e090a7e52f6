/** What the control API needs of the running platform; the scheduler has this shape, main.ts connects them. */
import type { AppConfig } from '../app-config.ts'
import type { StartResult } from '../runtime/messages.ts'
import type { SchedulerStats } from '../scheduler/stats.ts'

export interface Platform {
  /** Starts an instance of a version that is not deployed yet, without traffic, to learn whether it starts. */
  verify(app: string, config: AppConfig, bundle: Buffer): Promise<StartResult>
  /** Forgets what is cached of the app; the next request sees the store. */
  changed(app: string, reason: 'redeployed' | 'deleted' | 'routes'): void
  /** Lets an app out of quarantine; false if it is in none. */
  releaseApp(app: string): boolean
  /** What is loaded now. */
  stats(): SchedulerStats
  /** The app that answers a host and path, and by which route. */
  lookup(host: string, path: string): Promise<{ app: string; pattern: string } | null>
}
