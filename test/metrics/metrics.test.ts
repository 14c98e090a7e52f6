import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { test } from 'node:test'
import {
  appLogChannel,
  coldStartChannel,
  cpuChannel,
  deployChannel,
  evictionChannel,
  instanceEndChannel,
  instanceStuckChannel,
  LIMITS,
  limitChannel,
  logDropChannel,
  requestChannel,
  retryChannel,
  runtimeRestartChannel,
  storeChannel,
  subrequestChannel,
} from '../../src/channels.ts'
import { OUTCOMES } from '../../src/outcome.ts'
import {
  appStats,
  parseScrape,
  requestEvent,
  schedulerStats,
  startTestMetrics,
  sumOf,
  valueIn,
} from '../support/scrape.ts'

test('a scrape tells of each loaded app: instances, start, uptime, version, limits', async () => {
  const startTime = Date.now() - 90_000
  const hello = appStats('hello', { startTime, readyInstances: 2, inFlight: 3, queued: 1 })
  await using metrics = await startTestMetrics(
    {},
    { stats: () => schedulerStats([hello, appStats('other')]) },
  )

  const series = await metrics.scrape()

  const app = { app: 'hello' }
  assert.equal(valueIn(series, 'vitrine_apps_loaded'), 2)
  assert.equal(valueIn(series, 'vitrine_apps_deployed'), 3)
  assert.equal(valueIn(series, 'vitrine_app_ready_instances', app), 2)
  assert.equal(valueIn(series, 'vitrine_app_start_time_seconds', app), startTime / 1000)
  assert.ok(Math.abs(valueIn(series, 'vitrine_app_uptime_seconds', app)! - 90) < 5)
  assert.equal(valueIn(series, 'vitrine_app_info', { ...app, version: 'version-of-hello' }), 1)
  assert.equal(valueIn(series, 'vitrine_requests_in_flight', app), 3)
  assert.equal(valueIn(series, 'vitrine_requests_queued', app), 1)
  assert.equal(valueIn(series, 'vitrine_limit', { ...app, limit: 'cpu' }), 0.2)
  assert.equal(valueIn(series, 'vitrine_limit', { ...app, limit: 'memory' }), 128 * 2 ** 20)
  for (const limit of LIMITS) assert.ok(valueIn(series, 'vitrine_limit', { ...app, limit })! > 0, limit)
  assert.equal(valueIn(series, 'vitrine_instances', { runtime: 'runtime-1', state: 'ready' }), 2)
  assert.equal(valueIn(series, 'vitrine_runtime_rss_bytes', { runtime: 'runtime-1' }), 1e8)
  assert.equal(valueIn(series, 'vitrine_config_generation'), 7)
  assert.equal(valueIn(series, 'vitrine_route_cache_requests_total', { result: 'negative' }), 1)
  assert.equal(valueIn(series, 'vitrine_event_loop_lag_seconds', { process: 'runtime-1' }), 0.001)
  assert.ok(valueIn(series, 'vitrine_event_loop_lag_seconds', { process: 'platform' })! >= 0)
  assert.equal(
    valueIn(series, 'vitrine_build_info', { node: process.versions.node, v8: process.versions.v8 }),
    1,
  )
  assert.ok(valueIn(series, 'process_resident_memory_bytes')! > 1e7)
})

test('a scrape tells of clients’ connections, and of those that there was no room for', async () => {
  const connections = () => ({ connections: 12, webSockets: 5, refused: 3 })
  await using metrics = await startTestMetrics({}, { connections })

  const series = await metrics.scrape()

  assert.equal(valueIn(series, 'vitrine_connections'), 12)
  assert.equal(valueIn(series, 'vitrine_websockets'), 5)
  assert.equal(valueIn(series, 'vitrine_connections_refused_total'), 3)
})

test('an app that is not loaded any more keeps its counters and loses its gauges', async () => {
  let apps = [appStats('hello')]
  await using metrics = await startTestMetrics({}, { stats: () => schedulerStats(apps) })
  requestChannel.publish(requestEvent())
  const before = await metrics.scrape()
  apps = []

  const after = await metrics.scrape()

  assert.equal(valueIn(before, 'vitrine_app_ready_instances', { app: 'hello' }), 1)
  assert.deepEqual(
    after.filter(
      ({ name, labels }) => labels.app === 'hello' && /ready|uptime|start_time|info|limit$/.test(name),
    ),
    [],
  )
  assert.equal(valueIn(after, 'vitrine_requests_total', { app: 'hello', outcome: 'ok' }), 1)
})

test('a request is counted by app, outcome and class of status, and its times go into histograms', async () => {
  await using metrics = await startTestMetrics()
  requestChannel.publish(requestEvent({ durationMs: 2, bytesIn: 5, bytesOut: 7 }))
  requestChannel.publish(
    requestEvent({ durationMs: 60_000, outcome: 'exceededWallTime', status: 504, ttfbMs: 0 }),
  )
  requestChannel.publish(requestEvent({ outcome: 'loadShed', status: 503, rejection: 'app_queue_full' }))
  requestChannel.publish(requestEvent({ outcome: 'canceled', status: 0, disconnected: true }))

  const series = await metrics.scrape()

  const app = 'hello'
  const requests = (outcome: string, code_class: string) =>
    valueIn(series, 'vitrine_requests_total', { app, outcome, code_class })
  assert.equal(requests('ok', '2xx'), 1)
  assert.equal(requests('exceededWallTime', '5xx'), 1)
  assert.equal(requests('canceled', 'none'), 1)
  assert.equal(requests('exception', '5xx'), 0)
  for (const outcome of OUTCOMES)
    assert.ok(valueIn(series, 'vitrine_requests_total', { app, outcome }) !== undefined)
  const bucket = (le: string) => valueIn(series, 'vitrine_request_duration_seconds_bucket', { app, le })
  assert.deepEqual([bucket('0.001'), bucket('0.0025'), bucket('30'), bucket('+Inf')], [0, 3, 3, 4])
  assert.equal(valueIn(series, 'vitrine_request_duration_seconds_count', { app }), 4)
  assert.ok(Math.abs(valueIn(series, 'vitrine_request_duration_seconds_sum', { app })! - 60.006) < 1e-9)
  assert.equal(valueIn(series, 'vitrine_response_ttfb_seconds_count', { app }), 3)
  assert.equal(valueIn(series, 'vitrine_request_body_bytes_total', { app }), 5)
  assert.equal(valueIn(series, 'vitrine_requests_rejected_total', { app, reason: 'app_queue_full' }), 1)
  assert.equal(valueIn(series, 'vitrine_client_disconnects_total', { app }), 1)
})

/** One of everything that is published. */
function publishAll(app: string): void {
  const version = 'v-1'
  const instance = { app, version, instance: 1, runtime: 'runtime-1' }
  const phasesMs = { fetch: 1, isolate: 2, compile: 3, evaluate: 4 }
  requestChannel.publish(requestEvent({ app }))
  coldStartChannel.publish({ ...instance, reason: 'deploy', outcome: 'ok', totalMs: 10, phasesMs })
  const used = { cpuMs: 1, guiltyCpuMs: 1, heapBytes: 1, externalBytes: 1, message: '' }
  instanceEndChannel.publish({ ...instance, ...used, reason: 'exceededMemory', lastLines: [] })
  instanceStuckChannel.publish(instance)
  const line = {
    app,
    version,
    requestId: '',
    traceId: '',
    level: 'warn',
    kind: 'console',
    message: 'hi',
    time: 0,
  } as const
  appLogChannel.publish(line)
  subrequestChannel.publish({ app, status: 0, durationMs: 4 })
  cpuChannel.publish({ app, cpuMs: 250 })
  retryChannel.publish({ app, requestId: '', reason: 'runtime_died' })
  limitChannel.publish({ app, limit: 'subrequests' })
  evictionChannel.publish({ app: 'evicted', reason: 'evict' })
  runtimeRestartChannel.publish({ runtime: 'runtime-1', reason: 'rss', detail: '', apps: [] })
  deployChannel.publish({ app, action: 'deploy', version, result: 'ok', durationMs: 1 })
  storeChannel.publish({ operation: 'routesFor', result: 'ok', durationMs: 1 })
  storeChannel.publish({ operation: 'no such operation', result: 'ok', durationMs: 1 })
  logDropChannel.publish({ reason: 'buffer_full', count: 12 })
}

test('whatever is published is counted', async () => {
  await using metrics = await startTestMetrics()
  publishAll('hello')

  const series = await metrics.scrape()

  const app = 'hello'
  assert.equal(valueIn(series, 'vitrine_cold_starts_total', { app, reason: 'deploy' }), 1)
  assert.equal(valueIn(series, 'vitrine_cold_start_seconds_sum', { app }), 0.01)
  assert.equal(valueIn(series, 'vitrine_cold_start_phase_seconds_sum', { app, phase: 'evaluate' }), 0.004)
  assert.equal(valueIn(series, 'vitrine_instance_terminations_total', { app, reason: 'exceededMemory' }), 1)
  assert.equal(valueIn(series, 'vitrine_instances_stuck_total', { app }), 1)
  assert.equal(valueIn(series, 'vitrine_log_lines_total', { app, level: 'warn' }), 1)
  assert.equal(valueIn(series, 'vitrine_subrequests_total', { app, code_class: 'none' }), 1)
  assert.equal(valueIn(series, 'vitrine_subrequest_duration_seconds_count', { app }), 1)
  assert.equal(valueIn(series, 'vitrine_app_cpu_seconds_total', { app }), 0.25)
  assert.equal(valueIn(series, 'vitrine_request_retries_total', { app, reason: 'runtime_died' }), 1)
  assert.equal(valueIn(series, 'vitrine_limit_hits_total', { app, limit: 'subrequests' }), 1)
  assert.equal(valueIn(series, 'vitrine_app_evictions_total', { reason: 'evict' }), 1)
  assert.equal(valueIn(series, 'vitrine_runtime_restarts_total', { reason: 'rss' }), 1)
  assert.equal(valueIn(series, 'vitrine_deploys_total', { result: 'ok' }), 1)
  assert.equal(sumOf(series, 'vitrine_store_operation_duration_seconds_count'), 1)
  assert.equal(valueIn(series, 'vitrine_log_lines_dropped_total', { reason: 'buffer_full' }), 12)
})

test('a counter survives nonsense that a runtime may report', async () => {
  await using metrics = await startTestMetrics()
  for (const cpuMs of [Number.NaN, -5, Infinity, 1000]) cpuChannel.publish({ app: 'hello', cpuMs })

  const series = await metrics.scrape()

  assert.equal(valueIn(series, 'vitrine_app_cpu_seconds_total', { app: 'hello' }), 1)
})

test('a flood of unknown hosts adds no series', async () => {
  await using metrics = await startTestMetrics()
  const unknown = (n: number) =>
    requestEvent({ app: '', version: '', outcome: 'scriptNotFound', status: 404, host: `${n}.example` })
  requestChannel.publish(unknown(0))
  const before = await metrics.scrape()
  for (let n = 1; n <= 1000; n++) requestChannel.publish(unknown(n))

  const after = await metrics.scrape()

  assert.equal(after.length, before.length)
  assert.equal(valueIn(after, 'vitrine_requests_total', { app: '_none', outcome: 'scriptNotFound' }), 1001)
})

test('a deleted app’s series are gone, and what it still had under way does not bring them back', async () => {
  await using metrics = await startTestMetrics({}, { stats: () => schedulerStats([]) })
  const deleted = { app: 'gone', action: 'delete', version: '', result: 'ok', durationMs: 1 } as const
  requestChannel.publish(requestEvent({ app: 'gone' }))
  const before = await metrics.scrape()
  deployChannel.publish(deleted)
  requestChannel.publish(requestEvent({ app: 'gone' }))

  const after = await metrics.scrape()
  deployChannel.publish({ ...deleted, action: 'deploy' })
  requestChannel.publish(requestEvent({ app: 'gone' }))
  const back = await metrics.scrape()

  assert.equal(valueIn(before, 'vitrine_requests_total', { app: 'gone', outcome: 'ok' }), 1)
  assert.deepEqual(
    after.filter(({ labels }) => labels.app === 'gone'),
    [],
  )
  assert.equal(valueIn(after, 'vitrine_requests_total', { app: '_other', outcome: 'ok' }), 1)
  assert.equal(valueIn(back, 'vitrine_requests_total', { app: 'gone', outcome: 'ok' }), 1)
})

test('both formats are served, compressed to those who take it, and promtool has nothing to say', async t => {
  await using metrics = await startTestMetrics()
  publishAll('hello')

  const plain = await metrics.get('/metrics', { 'accept-encoding': 'identity' })
  const open = await metrics.get('/metrics', {
    accept: 'application/openmetrics-text;version=1.0.0,*/*;q=0.1',
  })
  const refused = await metrics.get('/metrics', { accept: 'application/openmetrics-text;q=0, text/plain' })
  const text = await plain.text()
  const openText = await open.text()

  assert.equal(plain.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(plain.headers.get('content-encoding'), null)
  assert.equal(open.headers.get('content-encoding'), 'gzip')
  assert.match(open.headers.get('content-type')!, /^application\/openmetrics-text; version=1\.0\.0/)
  assert.match(openText, /# TYPE vitrine_requests counter\nvitrine_requests_total\{/)
  assert.match(openText, /\n# EOF\n$/)
  assert.match(refused.headers.get('content-type')!, /^text\/plain/)
  const names = (series: { name: string }[]) => [...new Set(series.map(({ name }) => name))]
  assert.deepEqual(names(parseScrape(openText)), names(parseScrape(text)))

  const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  if (promtool.error) return t.diagnostic('promtool is not installed: its check was skipped')
  assert.equal(promtool.stdout + promtool.stderr, '')
  assert.equal(promtool.status, 0)
})

test('vitrine_metrics_series counts the series of each family', async () => {
  await using metrics = await startTestMetrics()
  publishAll('hello')

  const series = await metrics.scrape()

  assert.equal(sumOf(series, 'vitrine_metrics_series'), series.length)
})

test('readiness says why not, and health does not mind', async () => {
  let answer = { ok: false, reason: 'no runtime is up' }
  await using metrics = await startTestMetrics({}, { ready: () => answer })

  const notReady = await metrics.get('/readyz')
  const healthy = await metrics.get('/healthz')
  answer = { ok: true, reason: '' }
  let ready = notReady
  while (ready.status !== 200) ready = await metrics.get('/readyz')

  assert.equal(notReady.status, 503)
  assert.equal(await notReady.text(), 'no runtime is up\n')
  assert.equal(healthy.status, 200)
  assert.equal(await ready.text(), 'ok\n')
})

test('other paths and methods are refused', async () => {
  await using metrics = await startTestMetrics()

  const [notFound, post, head] = await Promise.all([
    metrics.get('/secret'),
    fetch(metrics.url, { method: 'POST', body: 'x' }),
    fetch(metrics.url, { method: 'HEAD' }),
  ])

  assert.equal(notFound.status, 404)
  assert.equal(post.status, 405)
  assert.equal(head.status, 200)
})

test('a store that does not answer costs a scrape a second, and the last count stands', async () => {
  let count: () => number | Promise<number> = () => 3
  await using metrics = await startTestMetrics({}, { appsDeployed: () => count() })
  await metrics.scrape()
  count = () => Promise.reject(new Error('the store is away'))
  const failing = await metrics.scrape()
  count = () => new Promise(() => {})

  const hanging = await metrics.scrape()

  assert.equal(valueIn(failing, 'vitrine_apps_deployed'), 3)
  assert.equal(valueIn(hanging, 'vitrine_apps_deployed'), 3)
})

test('a port that is taken is an error that says so, and nothing is left running', async () => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as { port: number }

  await assert.rejects(startTestMetrics({ metrics: `127.0.0.1:${port}` }), {
    code: 'LISTEN_FAILED',
    message: `Cannot serve metrics on 127.0.0.1:${port}: something else listens there; stop it, or choose another address with --metrics`,
  })
  assert.equal(requestChannel.hasSubscribers, false)
  taken.close()
})
