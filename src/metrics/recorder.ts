/**
 * Counts what the platform publishes, on the main thread, inside the request: additions to the board's cells,
 * without allocation and without prom-client.
 */
import {
  type AppLogEvent,
  appLogChannel,
  CACHE_RESULTS,
  COLD_START_PHASES,
  COLD_START_REASONS,
  type ColdStartEvent,
  cacheChannel,
  cacheEvictionChannel,
  coldStartChannel,
  cpuChannel,
  DEPLOY_RESULTS,
  type DeployEvent,
  deployChannel,
  EVICTION_REASONS,
  evictionChannel,
  type InstanceEndEvent,
  instanceEndChannel,
  instanceStuckChannel,
  LIMITS,
  LOG_DROP_REASONS,
  LOG_LEVELS,
  limitChannel,
  logDropChannel,
  REJECTIONS,
  RESTART_REASONS,
  RETRY_REASONS,
  type RequestEvent,
  requestChannel,
  retryChannel,
  runtimeRestartChannel,
  type SubrequestEvent,
  storeChannel,
  subrequestChannel,
} from '../channels.ts'
import { OUTCOMES, TERMINATIONS } from '../outcome.ts'
import type { AppRows } from './apps.ts'
import { appAt, type Board, PLATFORM_AT } from './board.ts'
import { CODE_CLASSES, type FamilyName, STORE_OPERATIONS } from './families.ts'
import { cellsPerCombination, familyOf, offsetOf, positions } from './layout.ts'

const outcomes = positions(OUTCOMES)
const rejections = positions(REJECTIONS)
const retryReasons = positions(RETRY_REASONS)
const coldStartReasons = positions(COLD_START_REASONS)
const terminations = positions(TERMINATIONS)
const cacheResults = positions(CACHE_RESULTS)
const limits = positions(LIMITS)
const logLevels = positions(LOG_LEVELS)
const evictionReasons = positions(EVICTION_REASONS)
const restartReasons = positions(RESTART_REASONS)
const deployResults = positions(DEPLOY_RESULTS)
const logDropReasons = positions(LOG_DROP_REASONS)
const storeOperations = positions(STORE_OPERATIONS)

const at = {
  requests: offsetOf('vitrine_requests_total'),
  rejected: offsetOf('vitrine_requests_rejected_total'),
  disconnects: offsetOf('vitrine_client_disconnects_total'),
  retries: offsetOf('vitrine_request_retries_total'),
  bytesIn: offsetOf('vitrine_request_body_bytes_total'),
  bytesOut: offsetOf('vitrine_response_body_bytes_total'),
  coldStarts: offsetOf('vitrine_cold_starts_total'),
  cpu: offsetOf('vitrine_app_cpu_seconds_total'),
  subrequests: offsetOf('vitrine_subrequests_total'),
  limitHits: offsetOf('vitrine_limit_hits_total'),
  terminations: offsetOf('vitrine_instance_terminations_total'),
  stuck: offsetOf('vitrine_instances_stuck_total'),
  logLines: offsetOf('vitrine_log_lines_total'),
  cacheRequests: offsetOf('vitrine_cache_requests_total'),
  cacheEvictions: offsetOf('vitrine_cache_evictions_total'),
  evictions: PLATFORM_AT + offsetOf('vitrine_app_evictions_total'),
  restarts: PLATFORM_AT + offsetOf('vitrine_runtime_restarts_total'),
  deploys: PLATFORM_AT + offsetOf('vitrine_deploys_total'),
  logDrops: PLATFORM_AT + offsetOf('vitrine_log_lines_dropped_total'),
}

interface HistogramCells {
  readonly at: number
  readonly buckets: Float64Array
  /** Cells from one combination of labels to the next. */
  readonly stride: number
}
function histogram(name: FamilyName): HistogramCells {
  const family = familyOf(name)
  return {
    at: offsetOf(name),
    buckets: Float64Array.from(family.buckets ?? []),
    stride: cellsPerCombination(family),
  }
}

const duration = histogram('vitrine_request_duration_seconds')
const ttfb = histogram('vitrine_response_ttfb_seconds')
const queueWait = histogram('vitrine_queue_wait_seconds')
const requestCpu = histogram('vitrine_request_cpu_seconds')
const coldStart = histogram('vitrine_cold_start_seconds')
const coldStartPhase = histogram('vitrine_cold_start_phase_seconds')
const subrequestDuration = histogram('vitrine_subrequest_duration_seconds')
const storeDuration = histogram('vitrine_store_operation_duration_seconds')

/** Counts an observation of `seconds` into the histogram whose cells begin at `cell`. */
function observe(values: Float64Array, cell: number, { buckets }: HistogramCells, seconds: number): void {
  let bucket = 0
  while (bucket < buckets.length && seconds > buckets[bucket]!) bucket++
  values[cell + bucket]!++
  add(values, cell + buckets.length + 1, seconds)
}

/** Adds to a counter, which never goes backwards, nor becomes NaN, whatever a runtime may have reported. */
function add(values: Float64Array, cell: number, amount: number): void {
  if (amount > 0 && amount < Number.MAX_SAFE_INTEGER) values[cell]! += amount
}

function codeClassOf(status: number): number {
  return status >= 100 && status < 600 ? (status / 100) | 0 : 0
}

/** Subscribes to every channel; the result unsubscribes. */
export function record(board: Board, apps: AppRows): () => void {
  const { values } = board
  const cells = (app: string) => appAt(apps.rowOf(app))

  const onRequest = (event: RequestEvent) => {
    const rowIndex = apps.rowOf(event.app)
    const row = appAt(rowIndex)
    const seconds = event.durationMs / 1000
    values[row + at.requests + outcomes[event.outcome] * CODE_CLASSES.length + codeClassOf(event.status)]!++
    observe(values, row + duration.at, duration, seconds)
    if (event.ttfbMs > 0) observe(values, row + ttfb.at, ttfb, event.ttfbMs / 1000)
    add(values, row + at.bytesIn, event.bytesIn)
    add(values, row + at.bytesOut, event.bytesOut)
    if (event.rejection !== undefined) values[row + at.rejected + rejections[event.rejection]]!++
    if (event.disconnected) values[row + at.disconnects]!++
    if (event.app === '') return
    observe(values, row + queueWait.at, queueWait, event.queueMs / 1000)
    if (event.cpuMs > 0) observe(values, row + requestCpu.at, requestCpu, event.cpuMs / 1000)
    apps.ranked(event.app, rowIndex)
  }

  const onColdStart = (event: ColdStartEvent) => {
    const row = cells(event.app)
    values[row + at.coldStarts + coldStartReasons[event.reason]]!++
    if (event.outcome !== 'ok') return
    observe(values, row + coldStart.at, coldStart, event.totalMs / 1000)
    let cell = row + coldStartPhase.at
    for (const phase of COLD_START_PHASES) {
      observe(values, cell, coldStartPhase, event.phasesMs[phase] / 1000)
      cell += coldStartPhase.stride
    }
  }

  const onInstanceEnd = (event: InstanceEndEvent) => {
    values[cells(event.app) + at.terminations + terminations[event.reason]]!++
  }

  const onAppLog = (event: AppLogEvent) => {
    values[cells(event.app) + at.logLines + logLevels[event.level]]!++
  }

  const onSubrequest = (event: SubrequestEvent) => {
    const row = cells(event.app)
    values[row + at.subrequests + codeClassOf(event.status)]!++
    observe(values, row + subrequestDuration.at, subrequestDuration, event.durationMs / 1000)
  }

  const onDeploy = (event: DeployEvent) => {
    values[at.deploys + deployResults[event.result]]!++
    if (event.result !== 'ok') return
    if (event.action === 'delete') apps.forget(event.app)
    else apps.welcome(event.app)
  }

  const onStore: Parameters<typeof storeChannel.subscribe>[0] = ({ operation, result, durationMs }) => {
    const position = storeOperations[operation]
    if (position === undefined) return
    const combination = position * 2 + (result === 'ok' ? 0 : 1)
    const cell = PLATFORM_AT + storeDuration.at + combination * storeDuration.stride
    observe(values, cell, storeDuration, durationMs / 1000)
  }

  const subscriptions = [
    subscribe(requestChannel, onRequest),
    subscribe(coldStartChannel, onColdStart),
    subscribe(instanceEndChannel, onInstanceEnd),
    subscribe(instanceStuckChannel, ({ app }) => values[cells(app) + at.stuck]!++),
    subscribe(appLogChannel, onAppLog),
    subscribe(subrequestChannel, onSubrequest),
    subscribe(cpuChannel, ({ app, cpuMs }) => add(values, cells(app) + at.cpu, cpuMs / 1000)),
    subscribe(cacheChannel, ({ app, result, count }) =>
      add(values, cells(app) + at.cacheRequests + cacheResults[result], count),
    ),
    subscribe(cacheEvictionChannel, ({ app, count }) => add(values, cells(app) + at.cacheEvictions, count)),
    subscribe(retryChannel, ({ app, reason }) => values[cells(app) + at.retries + retryReasons[reason]]!++),
    subscribe(limitChannel, ({ app, limit }) => values[cells(app) + at.limitHits + limits[limit]]!++),
    subscribe(evictionChannel, ({ app, reason }) => {
      values[at.evictions + evictionReasons[reason]]!++
      // Deleted through another proxy: this one hears of it when it drops the app.
      if (reason === 'deleted') apps.forget(app)
    }),
    subscribe(runtimeRestartChannel, ({ reason }) => values[at.restarts + restartReasons[reason]]!++),
    subscribe(deployChannel, onDeploy),
    subscribe(storeChannel, onStore),
    subscribe(logDropChannel, ({ reason, count }) =>
      add(values, at.logDrops + logDropReasons[reason], count),
    ),
  ]
  return () => {
    for (const unsubscribe of subscriptions) unsubscribe()
  }
}

interface Channel<T> {
  subscribe(listener: (message: T) => void): void
  unsubscribe(listener: (message: T) => void): boolean
}

function subscribe<T>(channel: Channel<T>, listener: (message: T) => void): () => void {
  channel.subscribe(listener)
  return () => channel.unsubscribe(listener)
}
