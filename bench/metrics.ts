/**
 * What do metrics cost? Nanoseconds for each request observed; how long a scrape holds the main event loop with
 * 10,000 apps loaded, 1000 of them with series of their own; the scrape's size and duration.
 *
 * Run: node bench/metrics.ts
 */
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import { COLD_START_REASONS, coldStartChannel, type RequestEvent, requestChannel } from '../src/channels.ts'
import { loadConfig } from '../src/config.ts'
import { startMetrics } from '../src/metrics/metrics.ts'
import type { AppStats, SchedulerStats } from '../src/scheduler/stats.ts'

const APPS_LOADED = 10_000
const OBSERVATIONS = 3_000_000
const SCRAPES = 10

const names = Array.from({ length: APPS_LOADED }, (_, index) => `app-${index}`)
const config = loadConfig({ flags: { metrics: '127.0.0.1:0' } })

function requestEvent(app: string): RequestEvent {
  return {
    requestId: '0b8e1c1e-7a5d-4b57-9f0a-3d8f5a5c1a11',
    traceId: '',
    app,
    version: '6d2c5c1e-7a5d-4b57-9f0a-3d8f5a5c1a11',
    outcome: 'ok',
    status: 200,
    method: 'GET',
    host: `${app}.localhost`,
    url: '/',
    clientIp: '127.0.0.1',
    startedAt: Date.now(),
    durationMs: 1.3,
    ttfbMs: 1.2,
    queueMs: 0,
    cpuMs: 0.2,
    coldStart: false,
    retries: 0,
    bytesIn: 0,
    bytesOut: 12,
    disconnected: false,
  }
}

function appStats(name: string, id: number): AppStats {
  return {
    name,
    version: `6d2c5c1e-7a5d-4b57-9f0a-${String(id).padStart(12, '0')}`,
    versionNumber: 1,
    startTime: Date.now(),
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
    instances: [
      {
        id,
        runtime: `runtime-${id % 2}`,
        state: 'ready',
        inFlight: 0,
        heapBytes: 3e6,
        externalBytes: 1000,
        startedAt: Date.now(),
      },
    ],
  }
}

const stats: SchedulerStats = {
  apps: names.map(appStats),
  runtimes: ['runtime-0', 'runtime-1'].map(id => ({
    id,
    tenant: null,
    up: true,
    rssBytes: 1e9,
    prewarmed: 2,
    lastHeartbeatAt: Date.now(),
    eventLoopLagMs: 1,
    instances: APPS_LOADED / 2,
  })),
  routeCache: { hit: 1, miss: 1, negative: 1 },
  appCache: { hit: 1, miss: 1 },
  inFlight: 0,
  queued: 0,
  quarantine: [],
  inBackground: 0,
  spareRuntimes: 0,
  bundleCacheBytes: 0,
  generation: 1,
  generationAppliedAt: Date.now(),
}

/** Publishes requests of `apps` in turn; nanoseconds for each. */
function observe(apps: readonly string[]): number {
  const events = apps.map(requestEvent)
  const began = performance.now()
  for (let n = 0; n < OBSERVATIONS; n++) requestChannel.publish(events[n % events.length]!)
  return ((performance.now() - began) * 1e6) / OBSERVATIONS
}

interface Scraped {
  bytes: number
  durationMs: number
  /** How long this thread's event loop, which has nothing else to do, was busy meanwhile. */
  blockedMs: number
}

/** Scrapes once, compressed, as Prometheus asks. */
async function scrape(): Promise<Scraped> {
  const before = performance.eventLoopUtilization()
  scraper.postMessage('scrape')
  const [{ bytes, durationMs }] = await once(scraper, 'message')
  return { bytes, durationMs, blockedMs: performance.eventLoopUtilization(before).active }
}

/** Scrapes in a thread of its own, for a scraper is no part of the main thread's work. */
const SCRAPER = `
  const { parentPort, workerData } = require('node:worker_threads')
  parentPort.on('message', () => {
    const began = performance.now()
    require('node:http').get(workerData, { headers: { 'accept-encoding': 'gzip' } }, response => {
      let bytes = 0
      response.on('data', chunk => { bytes += chunk.length })
      response.on('end', () => parentPort.postMessage({ bytes, durationMs: performance.now() - began }))
    })
  })`

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[numbers.length >> 1]!

const withoutSubscribers = observe(names.slice(0, 10))
await using metrics = await startMetrics({
  config,
  stats: () => stats,
  connections: () => ({ connections: 0, webSockets: 0, refused: 0 }),
  appsDeployed: () => APPS_LOADED,
  cacheBytes: () => 0,
  tls: () => ({ connections: 0, refused: 0, rssBytes: 0, restarts: 0 }),
  ready: () => ({ ok: true, reason: '' }),
})
observe(names.slice(0, 10))
console.log(`request event, nobody listens   ${withoutSubscribers.toFixed(1)} ns`)
console.log(`request event, 1 app            ${observe(names.slice(0, 1)).toFixed(1)} ns`)
console.log(`request event, 10 apps          ${observe(names.slice(0, 10)).toFixed(1)} ns`)
console.log(`request event, 1000 apps        ${observe(names.slice(0, 1000)).toFixed(1)} ns`)

for (const app of names.slice(0, 1000)) {
  coldStartChannel.publish({
    app,
    version: 'v',
    instance: 1,
    runtime: 'runtime-0',
    reason: COLD_START_REASONS[0],
    outcome: 'ok',
    totalMs: 4,
    phasesMs: { fetch: 1, isolate: 1, compile: 1, evaluate: 1 },
  })
}
const scrapes: Scraped[] = []
const scraper = new Worker(SCRAPER, { eval: true, workerData: metrics.url })
await scrape()
for (let n = 0; n < SCRAPES; n++) scrapes.push(await scrape())
await scraper.terminate()
const text = await (await fetch(metrics.url, { headers: { 'accept-encoding': 'identity' } })).text()
const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#')).length
console.log(`a scrape with ${APPS_LOADED} apps loaded, 1000 with series of their own:`)
console.log(`  size            ${(text.length / 1e6).toFixed(1)} MB, ${lines} series`)
console.log(`  compressed      ${(median(scrapes.map(({ bytes }) => bytes)) / 1e6).toFixed(2)} MB`)
console.log(`  duration        ${median(scrapes.map(({ durationMs }) => durationMs)).toFixed(0)} ms`)
console.log(`  main loop held  ${median(scrapes.map(({ blockedMs }) => blockedMs)).toFixed(1)} ms`)
console.log(`  at worst        ${Math.max(...scrapes.map(({ blockedMs }) => blockedMs)).toFixed(1)} ms`)
console.log(`resident memory of the process ${(process.memoryUsage.rss() / 1e6).toFixed(0)} MB`)
