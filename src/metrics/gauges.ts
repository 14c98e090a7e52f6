/**
 * Writes the gauges: a snapshot of what the scheduler holds, taken on the main thread when a scrape asks for it.
 * One pass over what is loaded, a few milliseconds with 10,000 apps.
 */
import { LIMITS } from '../channels.ts'
import type { Config } from '../config.ts'
import type { AppStats, RuntimeInfo, SchedulerStats } from '../scheduler/stats.ts'
import { type AppRows, OTHER_ROW } from './apps.ts'
import { appAt, type Board, PLATFORM_AT, processAt, rowNumber, TEXT } from './board.ts'
import { type FamilyName, INSTANCE_STATES } from './families.ts'
import { offsetOf, PROCESS_ROWS, positions, SNAPSHOT_CELL } from './layout.ts'

/** The platform's own process among the processes' rows. */
export const OWN_PROCESS = 0
export const OWN_PROCESS_NAME = 'platform'

const app = {
  readyInstances: offsetOf('vitrine_app_ready_instances'),
  startTime: offsetOf('vitrine_app_start_time_seconds'),
  inFlight: offsetOf('vitrine_requests_in_flight'),
  queued: offsetOf('vitrine_requests_queued'),
  heapBytes: offsetOf('vitrine_instance_heap_bytes'),
  externalBytes: offsetOf('vitrine_instance_external_bytes'),
  limits: offsetOf('vitrine_limit'),
}
const runtime = {
  instances: offsetOf('vitrine_instances'),
  up: offsetOf('vitrine_runtime_up'),
  rssBytes: offsetOf('vitrine_runtime_rss_bytes'),
  heartbeat: offsetOf('vitrine_runtime_heartbeat_timestamp_seconds'),
  prewarmed: offsetOf('vitrine_prewarmed_isolates'),
  lag: offsetOf('vitrine_event_loop_lag_seconds'),
}
const limits = positions(LIMITS)
const states = positions(INSTANCE_STATES)

/** What an app may use, where that is the platform's to say and not the app's. */
export type PlatformLimits = Pick<Config, 'wallMs' | 'requestBodyBytesMax' | 'queueMax'>

/** Of the relay for TLS. */
export interface TlsStats {
  connections: number
  refused: number
  rssBytes: number
  restarts: number
}

/** Clients' connections. */
export interface ConnectionStats {
  /** Open now, and those of them that are WebSockets. */
  connections: number
  webSockets: number
  /** Closed at once since the start, as there were too many. */
  refused: number
}

export class Gauges {
  readonly #board: Board
  readonly #apps: AppRows
  readonly #limits: PlatformLimits
  /** The runtime that each row's text names, to write only what has changed. */
  readonly #runtimes: string[] = []
  /** Rows of runtimes by name. */
  readonly #runtimeRows = new Map<string, number>()

  constructor(board: Board, apps: AppRows, platformLimits: PlatformLimits) {
    this.#board = board
    this.#apps = apps
    this.#limits = platformLimits
    board.setText(rowNumber.process(OWN_PROCESS), TEXT.name, OWN_PROCESS_NAME)
  }

  /** `lagSeconds` is the longest delay of this thread's event loop since the last call. */
  write(stats: SchedulerStats, lagSeconds: number): void {
    this.#apps.admitAll(stats.apps)
    this.#board.change(() => {
      const snapshot = this.#board.snapshot + 1
      this.#board.snapshot = snapshot
      this.#writePlatform(stats)
      this.#writeProcesses(stats.runtimes, lagSeconds, snapshot)
      this.#clearOthers()
      for (let index = 0; index < stats.apps.length; index++) this.#writeApp(stats.apps[index]!, snapshot)
    })
  }

  writeConnections({ connections, webSockets, refused }: ConnectionStats): void {
    this.setPlatform('vitrine_connections', connections)
    this.setPlatform('vitrine_websockets', webSockets)
    this.setPlatform('vitrine_connections_refused_total', refused)
  }

  writeTls({ connections, refused, rssBytes, restarts }: TlsStats): void {
    this.setPlatform('vitrine_tls_connections', connections)
    this.setPlatform('vitrine_tls_connections_refused_total', refused)
    this.setPlatform('vitrine_tls_relay_rss_bytes', rssBytes)
    this.setPlatform('vitrine_tls_relay_restarts_total', restarts)
  }

  setPlatform(name: FamilyName, value: number): void {
    this.#board.values[PLATFORM_AT + offsetOf(name)] = value
  }

  #writePlatform({ routeCache, appCache, ...stats }: SchedulerStats): void {
    const { values } = this.#board
    this.setPlatform('vitrine_apps_loaded', stats.apps.length)
    const quarantined = stats.quarantine.filter(({ state }) => state === 'quarantined').length
    this.setPlatform('vitrine_apps_quarantined', quarantined)
    this.setPlatform('vitrine_apps_in_background', stats.inBackground)
    this.setPlatform('vitrine_spare_runtimes', stats.spareRuntimes)
    this.setPlatform('vitrine_bundle_cache_bytes', stats.bundleCacheBytes)
    this.setPlatform('vitrine_config_generation', stats.generation)
    this.setPlatform('vitrine_config_last_apply_timestamp_seconds', stats.generationAppliedAt / 1000)
    const routes = PLATFORM_AT + offsetOf('vitrine_route_cache_requests_total')
    values[routes] = routeCache.hit
    values[routes + 1] = routeCache.miss
    values[routes + 2] = routeCache.negative
    const lookups = PLATFORM_AT + offsetOf('vitrine_app_cache_requests_total')
    values[lookups] = appCache.hit
    values[lookups + 1] = appCache.miss
  }

  #writeProcesses(runtimes: readonly RuntimeInfo[], lagSeconds: number, snapshot: number): void {
    const { values } = this.#board
    values[processAt(OWN_PROCESS) + SNAPSHOT_CELL] = snapshot
    values[processAt(OWN_PROCESS) + runtime.lag] = lagSeconds

    this.#runtimeRows.clear()
    for (const [index, info] of runtimes.slice(0, PROCESS_ROWS - 1).entries()) {
      const process = index + 1
      const row = processAt(process)
      this.#runtimeRows.set(info.id, row)
      if (this.#runtimes[index] !== info.id) {
        this.#runtimes[index] = info.id
        this.#board.setText(rowNumber.process(process), TEXT.name, info.id)
      }
      values[row + SNAPSHOT_CELL] = snapshot
      for (const state of INSTANCE_STATES) values[row + runtime.instances + states[state]] = 0
      values[row + runtime.up] = info.up ? 1 : 0
      values[row + runtime.rssBytes] = info.rssBytes
      values[row + runtime.heartbeat] = info.lastHeartbeatAt / 1000
      values[row + runtime.prewarmed] = info.prewarmed
      values[row + runtime.lag] = info.eventLoopLagMs / 1000
    }
  }

  /** What `_other` shows is a sum over its apps. */
  #clearOthers(): void {
    const row = appAt(OTHER_ROW)
    for (const offset of [app.readyInstances, app.inFlight, app.queued, app.heapBytes, app.externalBytes]) {
      this.#board.values[row + offset] = 0
    }
  }

  #writeApp(stats: AppStats, snapshot: number): void {
    const { values } = this.#board
    const rowIndex = this.#apps.knownRowOf(stats.name)
    const row = appAt(rowIndex)
    let heapBytes = 0
    let externalBytes = 0
    for (let index = 0; index < stats.instances.length; index++) {
      const instance = stats.instances[index]!
      if (instance.heapBytes > heapBytes) heapBytes = instance.heapBytes
      if (instance.externalBytes > externalBytes) externalBytes = instance.externalBytes
      const runtimeRow = this.#runtimeRows.get(instance.runtime)
      if (runtimeRow !== undefined) values[runtimeRow + runtime.instances + states[instance.state]]!++
    }

    values[row + SNAPSHOT_CELL] = snapshot
    if (rowIndex === OTHER_ROW) {
      values[row + app.readyInstances]! += stats.readyInstances
      values[row + app.inFlight]! += stats.inFlight
      values[row + app.queued]! += stats.queued
      values[row + app.heapBytes] = Math.max(values[row + app.heapBytes]!, heapBytes)
      values[row + app.externalBytes] = Math.max(values[row + app.externalBytes]!, externalBytes)
      return
    }
    values[row + app.readyInstances] = stats.readyInstances
    values[row + app.startTime] = stats.startTime / 1000
    values[row + app.inFlight] = stats.inFlight
    values[row + app.queued] = stats.queued
    values[row + app.heapBytes] = heapBytes
    values[row + app.externalBytes] = externalBytes
    this.#writeLimits(row + app.limits, stats.limits)
    this.#apps.setVersion(rowIndex, stats.version)
  }

  #writeLimits(at: number, { cpuMs, startupCpuMs, memoryMb, ...own }: AppStats['limits']): void {
    const { values } = this.#board
    values[at + limits.cpu] = cpuMs / 1000
    values[at + limits.startup_cpu] = startupCpuMs / 1000
    values[at + limits.memory] = memoryMb * 2 ** 20
    values[at + limits.wall] = this.#limits.wallMs / 1000
    values[at + limits.subrequests] = own.subrequests
    values[at + limits.request_body] = this.#limits.requestBodyBytesMax
    values[at + limits.queue] = this.#limits.queueMax
    values[at + limits.log_lines] = own.logLinesPerRequest
    values[at + limits.timers] = own.timersMax
    values[at + limits.response_headers] = own.responseHeaderBytesMax
  }
}
