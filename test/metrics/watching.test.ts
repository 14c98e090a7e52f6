import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dashboards } from '../../dashboards/generate.ts'
import { coldStartChannel, requestChannel, storeChannel } from '../../src/channels.ts'
import { OPTIONS } from '../../src/config.ts'
import { seriesMax } from '../../src/metrics/layout.ts'
import { installed, ROOT, startPrometheus } from '../support/prometheus.ts'
import { filledIn, namedIn } from '../support/promql.ts'
import { requestEvent, startTestMetrics } from '../support/scrape.ts'

interface Watched {
  where: string
  expression: string
  /** Labels that a legend or a text names. */
  labels: string[]
}

interface GrafanaDashboard {
  title: string
  panels: { title: string; targets?: { expr: string; legendFormat: string }[] }[]
}

/** Every expression that a dashboard shows. */
function shown(): Watched[] {
  return dashboards().flatMap(({ json }) => {
    const { title, panels } = JSON.parse(json) as GrafanaDashboard
    return panels.flatMap(panel =>
      (panel.targets ?? []).map(({ expr, legendFormat }) => ({
        where: `${title}: ${panel.title}`,
        expression: filledIn(expr),
        labels: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
      })),
    )
  })
}

interface Rules {
  groups: { rules: { name: string; query: string; annotations: Record<string, string> }[] }[]
}

/** Every expression that Prometheus evaluates for an alert. */
function evaluated({ groups }: Rules): Watched[] {
  return groups.flatMap(({ rules }) =>
    rules.map(({ name, query, annotations }) => ({
      where: `alert ${name}`,
      expression: query,
      labels: [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label),
    })),
  )
}

test('dashboards and alerts name only what a real Prometheus has scraped from a live platform', async t => {
  if (!installed(t, 'prometheus', 'prometheus-node-exporter')) return
  await using metrics = await startTestMetrics()
  const phasesMs = { fetch: 1, isolate: 1, compile: 1, evaluate: 1 }
  const start = { app: 'hello', version: 'v', instance: 1, runtime: 'runtime-1', totalMs: 4, phasesMs }
  requestChannel.publish(requestEvent())
  coldStartChannel.publish({ ...start, reason: 'first', outcome: 'ok' })
  storeChannel.publish({ operation: 'app', result: 'ok', durationMs: 1 })
  const prometheus = await startPrometheus(t, metrics.port)

  const series = await prometheus.ask<Record<string, string>[]>('series?match[]={job=~".%2B"}')
  const rules = await prometheus.ask<Rules>('rules')
  const { activeTargets } = await prometheus.ask<{
    activeTargets: { labels: { job: string }; lastError: string }[]
  }>('targets')
  const labelsOf = new Map<string, Set<string>>()
  for (const { __name__: name = '', ...labels } of series) {
    labelsOf.set(name, (labelsOf.get(name) ?? new Set()).union(new Set(Object.keys(labels))))
  }
  const watched = [...shown(), ...evaluated(rules)]

  assert.ok(watched.length > 30, 'there are dashboards and alerts')
  assert.equal(activeTargets.find(({ labels }) => labels.job === 'vitrine')?.lastError, '')
  for (const { where, expression, labels } of watched) {
    const named = namedIn(expression)
    assert.ok(named.metrics.length > 0, where)
    for (const metric of named.metrics) {
      const known = labelsOf.get(metric.name)
      assert.ok(known, `${where}: no metric ${metric.name}`)
      for (const label of metric.labels)
        assert.ok(known.has(label), `${where}: ${metric.name} has no label ${label}`)
    }
    for (const label of [...named.labels, ...labels]) {
      const has = named.metrics.some(({ name }) => labelsOf.get(name)?.has(label))
      assert.ok(has, `${where}: no label ${label}`)
    }
    await prometheus.ask(`query?query=${encodeURIComponent(expression)}`)
  }
})

test('the overview begins with what the founding report asked for', () => {
  const [overview] = dashboards()
  const { panels } = JSON.parse(overview!.json) as GrafanaDashboard

  assert.deepEqual(
    panels.slice(1, 6).map(({ title }) => title),
    ['Apps', 'Ready instances', 'Uptime', 'Host CPU', 'Host network'],
  )
})

test('dashboards are what their program writes', () => {
  for (const { file, json } of dashboards()) {
    assert.equal(readFileSync(file, 'utf8'), json, 'run: node dashboards/generate.ts')
  }
})

test('each alert fires and clears when it should', t => {
  if (!installed(t, 'promtool')) return

  const { status, stdout, stderr } = spawnSync(
    'promtool',
    ['test', 'rules', join(ROOT, 'alerts/tests/vitrine.yml')],
    {
      encoding: 'utf8',
    },
  )

  assert.equal(status, 0, stdout + stderr)
})

test('each alert has a unit test', () => {
  const alerts = readFileSync(join(ROOT, 'alerts/vitrine.yml'), 'utf8').matchAll(/alert: (\w+)/g)
  const tests = readFileSync(join(ROOT, 'alerts/tests/vitrine.yml'), 'utf8')

  for (const [, alert] of alerts) {
    assert.match(
      tests,
      new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:`),
      `${alert} is never shown to fire`,
    )
  }
})

test('Prometheus and Alertmanager accept their configuration', t => {
  if (!installed(t, 'promtool', 'amtool')) return

  const prometheus = spawnSync('promtool', ['check', 'config', join(ROOT, 'prometheus.yml')], {
    encoding: 'utf8',
  })
  const alertmanager = spawnSync('amtool', ['check-config', join(ROOT, 'alertmanager.yml')], {
    encoding: 'utf8',
  })

  assert.equal(prometheus.status, 0, prometheus.stderr)
  assert.equal(alertmanager.status, 0, alertmanager.stderr)
})

test('Prometheus’ limit of samples is no less than the platform can have', () => {
  const [, limit] = /sample_limit: (\d+)/.exec(readFileSync(join(ROOT, 'prometheus.yml'), 'utf8')) ?? []

  assert.ok(Number(limit) >= seriesMax(OPTIONS.metricsMaxApps.default))
})
