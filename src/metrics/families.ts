/**
 * Every metric family, declared once: type, unit, labels, buckets, help. The layout of the shared memory, the
 * exposition, docs/metrics.md and the checks of dashboards and alerts derive from this table.
 *
 * A label's values are a closed set, an app or a process of the platform: never text from a request. So the
 * number of series has a bound, which `seriesMax` in layout.ts computes.
 */
import {
  CACHE_RESULTS,
  COLD_START_PHASES,
  COLD_START_REASONS,
  DEPLOY_RESULTS,
  EVICTION_REASONS,
  LIMITS,
  LOG_DROP_REASONS,
  LOG_LEVELS,
  REJECTIONS,
  RESTART_REASONS,
  RETRY_REASONS,
} from '../channels.ts'
import { OUTCOMES, type Outcome, TERMINATIONS } from '../outcome.ts'
import type { Store } from '../store/store.ts'

export interface Family {
  type: 'counter' | 'gauge' | 'histogram'
  unit: string
  help: string
  /** What has series of its own: the platform as a whole, each app, or each process of the platform. */
  per: 'platform' | 'app' | 'process'
  /** `events`: counted as they happen. `stats`: read from the scheduler at a scrape. `scrape`: computed then. */
  from: 'events' | 'stats' | 'scrape'
  /** The label that names the app or process. Processes: `runtime` leaves the platform's own process out. */
  rowLabel?: 'app' | 'runtime' | 'process'
  /** Further labels and their closed sets of values; null where a `scrape` family has its own. */
  labels: Readonly<Record<string, readonly string[] | null>>
  /** Upper bounds of a histogram's buckets, +Inf left out. */
  buckets?: readonly number[]
  /** Which combinations of `labels` a counter shows while they are 0. Default: all. */
  startsAtZero?: (values: readonly string[]) => boolean
}

export const CODE_CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const
type CodeClass = (typeof CODE_CLASSES)[number]

/** The class of status that an outcome has as a rule; its counter is there, at 0, from an app's beginning. */
const USUAL_CODE_CLASS = {
  ok: '2xx',
  exception: '5xx',
  exceededCpu: '5xx',
  exceededMemory: '5xx',
  exceededWallTime: '5xx',
  scriptNotFound: '4xx',
  canceled: 'none',
  loadShed: '5xx',
  responseStreamDisconnected: '2xx',
  internalError: '5xx',
  startupError: '5xx',
} satisfies Record<Outcome, CodeClass>

const STORE_OPERATION = {
  generation: true,
  deploy: true,
  activate: true,
  app: true,
  apps: true,
  appCount: true,
  deleteApp: true,
  versions: true,
  bundle: true,
  routesFor: true,
  routes: true,
  addRoute: true,
  deleteRoute: true,
  kvGet: true,
  kvPut: true,
  kvDelete: true,
  kvList: true,
} satisfies Record<Exclude<keyof Store, symbol>, true>
export const STORE_OPERATIONS = Object.keys(STORE_OPERATION)

export const INSTANCE_STATES = ['starting', 'ready', 'draining'] as const

/** Denser where quantiles are read: a warm request takes about a millisecond, a cold one ten. */
const DURATIONS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const CPU_TIMES = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
]
const PHASES = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5]

type Options = Partial<Pick<Family, 'labels' | 'rowLabel' | 'startsAtZero'>>

const counter = (per: Family['per'], unit: string, help: string, options: Options = {}): Family => ({
  type: 'counter',
  per,
  from: 'events',
  unit,
  help,
  labels: {},
  ...(per === 'app' && { rowLabel: 'app' }),
  ...options,
})

const gauge = (per: Family['per'], unit: string, help: string, options: Options = {}): Family => ({
  ...counter(per, unit, help, options),
  type: 'gauge',
  from: 'stats',
})

const histogram = (
  per: Family['per'],
  buckets: readonly number[],
  help: string,
  options: Options = {},
): Family => ({ ...counter(per, 'seconds', help, options), type: 'histogram', buckets })

const atScrape = (family: Family): Family => ({ ...family, from: 'scrape' })
const fromStats = (family: Family): Family => ({ ...family, from: 'stats' })

/** A gauge of one runtime process. */
const runtime = (unit: string, help: string, options: Options = {}): Family =>
  gauge('process', unit, help, { rowLabel: 'runtime', ...options })

export const FAMILIES = {
  vitrine_apps_loaded: gauge('platform', 'apps', 'Apps in the scheduler’s cache of loaded apps.'),
  vitrine_apps_deployed: gauge('platform', 'apps', 'Apps in the store.'),
  vitrine_app_ready_instances: gauge('app', 'instances', 'Instances that can take a request now.'),
  vitrine_app_start_time_seconds: gauge('app', 'seconds', 'When the app was loaded, since the epoch.'),
  vitrine_app_uptime_seconds: atScrape(gauge('app', 'seconds', 'How long the app has been loaded.')),
  vitrine_app_info: atScrape(
    gauge('app', 'info', 'The loaded version of each app; always 1.', { labels: { version: null } }),
  ),

  vitrine_requests_total: counter('app', 'requests', 'Requests that have ended.', {
    labels: { outcome: OUTCOMES, code_class: CODE_CLASSES },
    startsAtZero: ([outcome, codeClass]) => USUAL_CODE_CLASS[outcome as Outcome] === codeClass,
  }),
  vitrine_request_duration_seconds: histogram('app', DURATIONS, 'From a request’s arrival to its end.'),
  vitrine_response_ttfb_seconds: histogram('app', DURATIONS, 'From a request’s arrival to the first byte.'),
  vitrine_requests_in_flight: gauge('app', 'requests', 'Requests that are with an instance.'),
  vitrine_requests_queued: gauge('app', 'requests', 'Requests that wait for an instance.'),
  vitrine_request_body_bytes_total: counter('app', 'bytes', 'Bytes of request bodies.'),
  vitrine_response_body_bytes_total: counter('app', 'bytes', 'Bytes of response bodies.'),
  vitrine_requests_rejected_total: counter('app', 'requests', 'Requests the platform answered, by reason.', {
    labels: { reason: REJECTIONS },
  }),
  vitrine_client_disconnects_total: counter('app', 'requests', 'Requests whose client went away.'),
  vitrine_request_retries_total: counter('app', 'retries', 'Requests sent to another instance, by reason.', {
    labels: { reason: RETRY_REASONS },
  }),
  vitrine_connections: gauge('platform', 'connections', 'Clients’ connections that are open.'),
  vitrine_websockets: gauge('platform', 'connections', 'Those of them that are WebSockets.'),
  vitrine_connections_refused_total: fromStats(
    counter('platform', 'connections', 'Connections closed at once: there were as many as may be.'),
  ),

  vitrine_queue_wait_seconds: histogram('app', DURATIONS, 'How long a request waited for an instance.'),
  vitrine_cold_start_seconds: histogram('app', DURATIONS, 'From nothing to a ready instance.'),
  vitrine_cold_start_phase_seconds: histogram('app', PHASES, 'Parts of a cold start.', {
    labels: { phase: COLD_START_PHASES },
  }),
  vitrine_cold_starts_total: counter('app', 'starts', 'Cold starts that have ended, well or badly.', {
    labels: { reason: COLD_START_REASONS },
  }),
  vitrine_app_cpu_seconds_total: counter('app', 'seconds', 'CPU time used by the app, whatever used it.'),
  vitrine_request_cpu_seconds: histogram(
    'app',
    CPU_TIMES,
    'CPU time of one request, of those that used any.',
  ),
  vitrine_subrequest_duration_seconds: histogram('app', DURATIONS, 'How long the app’s fetches took.'),
  vitrine_subrequests_total: counter(
    'app',
    'requests',
    'The app’s fetches; none: failed before a response.',
    {
      labels: { code_class: CODE_CLASSES },
    },
  ),

  vitrine_limit: gauge('app', 'limit', 'What the app may use: seconds for times, bytes for sizes.', {
    labels: { limit: LIMITS },
  }),
  vitrine_limit_hits_total: counter('app', 'hits', 'How often the app ran into a limit.', {
    labels: { limit: LIMITS },
  }),
  vitrine_instances: runtime('instances', 'Instances in each runtime.', {
    labels: { state: INSTANCE_STATES },
  }),
  vitrine_instance_heap_bytes: gauge('app', 'bytes', 'Heap of the app’s largest instance.'),
  vitrine_instance_external_bytes: gauge(
    'app',
    'bytes',
    'ArrayBuffers and WebAssembly memory of the app’s largest instance.',
  ),
  vitrine_instance_terminations_total: counter('app', 'instances', 'Instances that have ended, by reason.', {
    labels: { reason: TERMINATIONS },
  }),
  vitrine_instances_stuck_total: counter(
    'app',
    'instances',
    'Instances that did not end when they were told to: their neighbours went elsewhere.',
  ),
  vitrine_runtime_up: runtime('bool', '1 if the runtime process is connected.'),
  vitrine_runtime_restarts_total: counter('platform', 'restarts', 'Runtime processes replaced, by reason.', {
    labels: { reason: RESTART_REASONS },
  }),
  vitrine_runtime_rss_bytes: runtime('bytes', 'Resident memory of the runtime process.'),
  vitrine_runtime_heartbeat_timestamp_seconds: runtime(
    'seconds',
    'Last answer to a heartbeat, since the epoch.',
  ),
  vitrine_prewarmed_isolates: runtime('isolates', 'Isolates that wait for an app.'),
  vitrine_apps_in_background: gauge(
    'platform',
    'apps',
    'Apps that use much CPU time beside others, and run where they yield to all others.',
  ),
  vitrine_apps_quarantined: gauge('platform', 'apps', 'Apps that have brought a runtime down and run alone.'),
  vitrine_spare_runtimes: gauge(
    'platform',
    'processes',
    'Warm processes that wait to take the place of a dead runtime, or to be the one of an app alone.',
  ),
  vitrine_event_loop_lag_seconds: gauge(
    'process',
    'seconds',
    'Longest delay of the main event loop since the last look; platform is the proxy’s process.',
    { rowLabel: 'process' },
  ),

  vitrine_route_cache_requests_total: fromStats(
    counter('platform', 'lookups', 'Look-ups of a host and path; negative: known to be unknown.', {
      labels: { result: ['hit', 'miss', 'negative'] },
    }),
  ),
  vitrine_app_cache_requests_total: fromStats(
    counter('platform', 'lookups', 'Look-ups of an app.', { labels: { result: ['hit', 'miss'] } }),
  ),
  vitrine_bundle_cache_bytes: gauge('platform', 'bytes', 'Bundles that are kept for the next cold start.'),
  vitrine_app_evictions_total: counter('platform', 'apps', 'Apps that left the cache of loaded apps.', {
    labels: { reason: EVICTION_REASONS },
  }),

  vitrine_cache_requests_total: counter('app', 'requests', 'What the app asked of its caches, by result.', {
    labels: { result: CACHE_RESULTS },
  }),
  vitrine_cache_evictions_total: counter(
    'app',
    'responses',
    'The app’s responses that left the cache for others.',
  ),
  vitrine_cache_bytes: gauge('platform', 'bytes', 'Responses that apps keep in their caches.'),

  vitrine_tls_connections: gauge(
    'platform',
    'connections',
    'Connections over TLS that the relay has made for apps, or is making.',
  ),
  vitrine_tls_connections_refused_total: fromStats(
    counter('platform', 'connections', 'Connections over TLS that were refused: there were too many.'),
  ),
  vitrine_tls_relay_rss_bytes: gauge(
    'platform',
    'bytes',
    'Resident memory of the process that makes them; 0 while there is none.',
  ),
  vitrine_tls_relay_restarts_total: fromStats(
    counter('platform', 'processes', 'Processes for TLS that have ended and were replaced.'),
  ),

  vitrine_deploys_total: counter('platform', 'deploys', 'Deploys, rollbacks and deletions that have ended.', {
    labels: { result: DEPLOY_RESULTS },
  }),
  vitrine_config_generation: gauge('platform', 'generation', 'The store’s generation that is applied.'),
  vitrine_config_last_apply_timestamp_seconds: gauge(
    'platform',
    'seconds',
    'When it was applied, since the epoch.',
  ),
  vitrine_store_operation_duration_seconds: histogram(
    'platform',
    DURATIONS,
    'How long store operations took.',
    {
      labels: { operation: STORE_OPERATIONS, result: ['ok', 'error'] },
    },
  ),

  vitrine_metrics_overflow_total: counter(
    'platform',
    'requests',
    'Requests counted as _other: no series was free.',
  ),
  vitrine_log_lines_total: counter('app', 'lines', 'Console lines and uncaught exceptions of the app.', {
    labels: { level: LOG_LEVELS },
  }),
  vitrine_log_lines_dropped_total: counter(
    'platform',
    'lines',
    'Lines of the log that were lost, by reason.',
    {
      labels: { reason: LOG_DROP_REASONS },
    },
  ),
  vitrine_build_info: atScrape(
    gauge('platform', 'info', 'What runs here; always 1.', {
      labels: { version: null, node: null, v8: null },
    }),
  ),
  process_cpu_seconds_total: atScrape(
    counter('platform', 'seconds', 'CPU time of the platform’s process, without runtimes.'),
  ),
  process_resident_memory_bytes: atScrape(
    gauge('platform', 'bytes', 'Resident memory of the platform’s process.'),
  ),
  process_open_fds: atScrape(
    gauge('platform', 'descriptors', 'Open file descriptors of the platform’s process.'),
  ),
  process_max_fds: atScrape(
    gauge('platform', 'descriptors', 'Descriptors that the platform’s process may open.'),
  ),
  process_start_time_seconds: atScrape(
    gauge('platform', 'seconds', 'When the platform started, since the epoch.'),
  ),
  /** Stays last: it counts what the others showed. */
  vitrine_metrics_series: atScrape(
    gauge('platform', 'series', 'Series of each family in this scrape.', { labels: { family: null } }),
  ),
} satisfies Record<string, Family>

export type FamilyName = keyof typeof FAMILIES

/** The value of the label `app` that stands for all apps without series of their own. */
export const OTHER_APPS = '_other'
/** The value of the label `app` for requests that belong to no app: an unknown host, say. */
export const NO_APP = '_none'
