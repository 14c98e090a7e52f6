/** What is loaded and running at the moment: a plain snapshot for gauges, the control API and the CLI. */
import type { InstanceLimits } from '../runtime/messages.ts'
import type { AppCache, AppState } from './app-cache.ts'
import type { Instance, InstanceOwner } from './instance.ts'
import type { QuarantineInfo } from './quarantine.ts'
import type { RouteCache } from './route-cache.ts'
import type { Runtime } from './runtime.ts'

export interface SchedulerStats {
  /** Apps in the LRU only. */
  apps: AppStats[]
  runtimes: RuntimeInfo[]
  /** Totals since start. */
  routeCache: { hit: number; miss: number; negative: number }
  appCache: { hit: number; miss: number }
  inFlight: number
  queued: number
  /** What is held against apps, loaded or not. */
  quarantine: QuarantineInfo[]
  /** Apps that are kept from the runtimes of all, as they use much CPU time beside others. */
  inBackground: number
  /** Warm processes that wait for a runtime to die. */
  spareRuntimes: number
  /** Of bundles that are kept for the next cold start. */
  bundleCacheBytes: number
  /** Of the state that is served now, and when it was first (milliseconds since the epoch). */
  generation: number
  generationAppliedAt: number
}

export interface AppStats {
  name: string
  /** The version's id. */
  version: string
  versionNumber: number
  /** Milliseconds since the epoch: since when the scheduler has held this version. */
  startTime: number
  readyInstances: number
  inFlight: number
  queued: number
  limits: InstanceLimits
  instances: InstanceInfo[]
}

export interface InstanceInfo {
  id: number
  runtime: string
  state: 'starting' | 'ready' | 'draining'
  inFlight: number
  heapBytes: number
  externalBytes: number
  /** Milliseconds since the epoch. */
  startedAt: number
}

export interface RuntimeInfo {
  id: string
  /** The only app that may run there; null: any. */
  tenant: string | null
  up: boolean
  rssBytes: number
  prewarmed: number
  /** Milliseconds since the epoch; 0: none yet. */
  lastHeartbeatAt: number
  eventLoopLagMs: number
  instances: number
}

export interface StatsSources {
  apps: AppCache
  routes: RouteCache
  runtimes: readonly Runtime[]
  inFlight: number
  queued: number
  quarantine: QuarantineInfo[]
  inBackground: number
  spareRuntimes: number
  bundleCacheBytes: number
  generation: number
  generationAppliedAt: number
}

export function collectStats({ apps, routes, runtimes, ...rest }: StatsSources): SchedulerStats {
  const instances = new Map<InstanceOwner, InstanceInfo[]>()
  for (const runtime of runtimes) {
    for (const instance of runtime.instances.values()) {
      const info = instanceInfo(instance)
      if (!info) continue
      const known = instances.get(instance.owner)
      if (known) known.push(info)
      else instances.set(instance.owner, [info])
    }
  }
  return {
    apps: Array.from(apps.values(), app => appStats(app, instances.get(app.pool) ?? [])),
    runtimes: runtimes.map(runtimeInfo),
    routeCache: { ...routes.counts },
    appCache: { ...apps.counts },
    ...rest,
  }
}

function appStats({ name, version, startTime, limits, pool }: AppState, instances: InstanceInfo[]): AppStats {
  return {
    name,
    version: version.id,
    versionNumber: version.number,
    startTime,
    readyInstances: pool.readyInstances,
    inFlight: pool.inFlight,
    queued: pool.queued,
    limits,
    instances,
  }
}

function instanceInfo(instance: Instance): InstanceInfo | null {
  const { id, runtime, state, inFlight, heapBytes, externalBytes, startedAt } = instance
  if (state === 'lost' || state === 'ended') return null
  return { id, runtime: runtime.id, state, inFlight, heapBytes, externalBytes, startedAt }
}

function runtimeInfo(runtime: Runtime): RuntimeInfo {
  const { id, tenant, up, stats, lastHeartbeatAt, instances } = runtime
  return {
    id,
    tenant,
    up,
    rssBytes: stats?.rssBytes ?? 0,
    prewarmed: stats?.prewarmed ?? 0,
    lastHeartbeatAt,
    eventLoopLagMs: stats?.eventLoopLagMs ?? 0,
    instances: instances.size,
  }
}
