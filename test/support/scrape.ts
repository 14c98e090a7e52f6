/** Reads what /metrics serves, and starts a metrics service on facts of a test's own. */

import type { RequestEvent } from '../../src/channels.ts'
import { loadConfig, type OptionName } from '../../src/config.ts'
import { type MetricsOptions, startMetrics } from '../../src/metrics/metrics.ts'
import type { AppStats, SchedulerStats } from '../../src/scheduler/stats.ts'

export interface Series {
  name: string
  labels: Record<string, string>
  value: number
}

export function parseScrape(text: string): Series[] {
  return text.split('\n').flatMap(line => {
    if (line === '' || line.startsWith('#')) return []
    const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (!name || !value) throw new Error(`not a line of Prometheus’ text format: ${line}`)
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text])
    return [{ name, labels: Object.fromEntries(pairs), value: value === '+Inf' ? Infinity : Number(value) }]
  })
}

/** What a scrape says of a series; undefined if it is not there. Labels that are not named may have any value. */
export function valueIn(
  series: Series[],
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  return matching(series, name, labels)[0]?.value
}

export function sumOf(series: Series[], name: string, labels: Record<string, string> = {}): number {
  return matching(series, name, labels).reduce((sum, { value }) => sum + value, 0)
}

function matching(series: Series[], name: string, labels: Record<string, string>): Series[] {
  return series.filter(
    one => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value),
  )
}

export function requestEvent(overrides: Partial<RequestEvent> = {}): RequestEvent {
  return {
    requestId: 'r-1',
    traceId: '',
    app: 'hello',
    version: 'v-1',
    outcome: 'ok',
    status: 200,
    method: 'GET',
    host: 'hello.localhost',
    url: '/',
    clientIp: '192.0.2.1',
    startedAt: Date.now(),
    durationMs: 2,
    ttfbMs: 1,
    queueMs: 0,
    cpuMs: 0.5,
    coldStart: false,
    retries: 0,
    bytesIn: 0,
    bytesOut: 11,
    disconnected: false,
    ...overrides,
  }
}

const config = loadConfig()

export function appStats(name: string, overrides: Partial<AppStats> = {}): AppStats {
  const instance = { id: 1, runtime: 'runtime-1', inFlight: 0, heapBytes: 3e6, externalBytes: 4096 }
  return {
    name,
    version: `version-of-${name}`,
    versionNumber: 1,
    startTime: Date.now() - 60_000,
    readyInstances: 1,
    inFlight: 0,
    queued: 0,
    limits: {
      cpuMs: config.cpuMs,
      startupCpuMs: config.startupCpuMs,
      memoryMb: config.memoryMb,
      waitUntilMs: config.waitUntilMs,
      subrequests: config.subrequests,
      subrequestsAtOnce: config.subrequestsAtOnce,
      logLinesPerRequest: config.logLinesPerRequest,
      logBytesPerRequest: config.logBytesPerRequest,
      timersMax: config.timersMax,
      responseHeaderBytesMax: config.responseHeaderBytesMax,
      webSocketMessageBytesMax: config.webSocketMessageBytesMax,
    },
    instances: [{ ...instance, state: 'ready', startedAt: Date.now() }],
    ...overrides,
  }
}

export function schedulerStats(apps: AppStats[], overrides: Partial<SchedulerStats> = {}): SchedulerStats {
  const now = Date.now()
  const runtime = {
    tenant: null,
    up: true,
    rssBytes: 1e8,
    prewarmed: 2,
    lastHeartbeatAt: now,
    eventLoopLagMs: 1,
    instances: 1,
  }
  return {
    apps,
    runtimes: [{ id: 'runtime-1', ...runtime }],
    routeCache: { hit: 3, miss: 2, negative: 1 },
    appCache: { hit: 5, miss: 4 },
    inFlight: 0,
    queued: 0,
    quarantine: [],
    inBackground: 0,
    spareRuntimes: 0,
    bundleCacheBytes: 0,
    generation: 7,
    generationAppliedAt: now,
    ...overrides,
  }
}

type Flags = Partial<Record<OptionName, string>>

/** A metrics service on a free port, with settings and facts as a test wants them. */
export async function startTestMetrics(flags: Flags = {}, facts: Partial<MetricsOptions> = {}) {
  const metrics = await startMetrics({
    config: loadConfig({ flags: { metrics: '127.0.0.1:0', ...flags } }),
    stats: () => schedulerStats([appStats('hello')]),
    connections: () => ({ connections: 0, webSockets: 0, refused: 0 }),
    appsDeployed: () => 3,
    cacheBytes: () => 0,
    tls: () => ({ connections: 0, refused: 0, rssBytes: 0, restarts: 0 }),
    ready: () => ({ ok: true, reason: '' }),
    ...facts,
  })
  return {
    ...metrics,
    url: metrics.url,
    port: metrics.port,
    get: (path: string, headers: Record<string, string> = {}) =>
      fetch(new URL(path, metrics.url), { headers }),
    scrape: async () => parseScrape(await (await fetch(metrics.url)).text()),
    [Symbol.asyncDispose]: () => metrics[Symbol.asyncDispose](),
  }
}
