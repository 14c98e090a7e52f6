/** The overview: first what the project's founding report asked for, then rate, errors and duration, then causes. */
import type { Dashboard, Panel } from './panels.ts'

/** Apps that the variable chooses. */
const APPS = 'app=~"$app"'
const RATE = '[$__rate_interval]'

const timeseries = (
  title: string,
  description: string,
  unit: Panel['unit'],
  queries: Panel['queries'],
  more: Partial<Panel> = {},
): Panel => ({ title, description, kind: 'timeseries', unit, queries, width: 8, ...more })

/** p50, p95 and p99 of a histogram of apps. */
const quantiles = (family: string): Panel['queries'] =>
  [0.5, 0.95, 0.99].map(quantile => ({
    expr: `histogram_quantile(${quantile}, sum by (le) (rate(${family}_bucket{${APPS}}${RATE})))`,
    legend: `p${quantile * 100}`,
  }))

export const overview: Dashboard = {
  uid: 'vitrine-overview',
  title: 'Vitrine: overview',
  description: 'What the engine is doing inside.',
  rows: [
    {
      title: 'The engine',
      panels: [
        {
          title: 'Apps',
          description: 'Apps in the store, and those that the scheduler holds in memory.',
          kind: 'stat',
          unit: 'none',
          width: 4,
          queries: [
            { expr: 'vitrine_apps_deployed', legend: 'deployed' },
            { expr: 'vitrine_apps_loaded', legend: 'loaded' },
          ],
        },
        {
          title: 'Ready instances',
          description: 'Isolates of each loaded app that can take a request now.',
          kind: 'bargauge',
          unit: 'none',
          width: 5,
          queries: [{ expr: `topk(30, vitrine_app_ready_instances{${APPS}})`, legend: '{{app}}' }],
        },
        {
          title: 'Uptime',
          description: 'How long each app has been loaded.',
          kind: 'bargauge',
          unit: 's',
          width: 5,
          queries: [{ expr: `topk(30, vitrine_app_uptime_seconds{${APPS}})`, legend: '{{app}}' }],
        },
        timeseries(
          'Host CPU',
          'Share of the host’s CPU time, by what it went to.',
          'percentunit',
          [
            {
              expr: `sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}${RATE})) / scalar(count(node_cpu_seconds_total{mode="idle"}))`,
              legend: '{{mode}}',
            },
          ],
          { width: 5, stacked: true },
        ),
        timeseries(
          'Host network',
          'Bytes that the host’s interfaces receive and send.',
          'Bps',
          [
            {
              expr: `sum(rate(node_network_receive_bytes_total{device!="lo"}${RATE}))`,
              legend: 'received',
            },
            {
              expr: `sum(rate(node_network_transmit_bytes_total{device!="lo"}${RATE}))`,
              legend: 'sent',
            },
          ],
          { width: 5 },
        ),
      ],
    },
    {
      title: 'Requests',
      panels: [
        timeseries(
          'Rate',
          'Requests that end, of the ten busiest apps.',
          'reqps',
          [
            {
              expr: `topk(10, sum by (app) (rate(vitrine_requests_total{${APPS}}${RATE})))`,
              legend: '{{app}}',
            },
          ],
          { width: 6, stacked: true },
        ),
        timeseries(
          'Errors',
          'Requests that end in another outcome than ok.',
          'reqps',
          [
            {
              expr: `sum by (outcome) (rate(vitrine_requests_total{${APPS}, outcome!="ok"}${RATE}))`,
              legend: '{{outcome}}',
            },
          ],
          { width: 6, stacked: true },
        ),
        timeseries(
          'Duration',
          'From a request’s arrival to its end.',
          's',
          quantiles('vitrine_request_duration_seconds'),
          { width: 6 },
        ),
        timeseries(
          'In flight and queued',
          'Requests that are with an instance, and those that wait for one.',
          'none',
          [
            { expr: `sum(vitrine_requests_in_flight{${APPS}})`, legend: 'in flight' },
            { expr: `sum(vitrine_requests_queued{${APPS}})`, legend: 'queued' },
          ],
          { width: 6 },
        ),
      ],
    },
    {
      title: 'Cold starts and CPU',
      panels: [
        timeseries(
          'Cold starts',
          'Why instances were started.',
          'short',
          [
            {
              expr: `sum by (reason) (rate(vitrine_cold_starts_total{${APPS}}${RATE}))`,
              legend: '{{reason}}',
            },
          ],
          { stacked: true },
        ),
        timeseries(
          'Duration of a cold start',
          'From nothing to a ready instance.',
          's',
          quantiles('vitrine_cold_start_seconds'),
        ),
        timeseries(
          'CPU per app',
          'Cores that the ten hungriest apps use.',
          'short',
          [{ expr: `topk(10, rate(vitrine_app_cpu_seconds_total{${APPS}}${RATE}))`, legend: '{{app}}' }],
          { stacked: true },
        ),
      ],
    },
    {
      title: 'Runtimes and limits',
      panels: [
        timeseries(
          'Connections',
          'Clients’ connections, and those that were refused in the last five minutes.',
          'none',
          [
            { expr: 'vitrine_connections', legend: 'open' },
            { expr: 'vitrine_websockets', legend: 'WebSockets' },
            { expr: 'increase(vitrine_connections_refused_total[5m])', legend: 'refused' },
          ],
        ),
        timeseries('Runtime memory', 'Resident memory of each process.', 'bytes', [
          { expr: 'vitrine_runtime_rss_bytes', legend: '{{runtime}}' },
          { expr: 'process_resident_memory_bytes{job="vitrine"}', legend: 'platform' },
          { expr: 'vitrine_tls_relay_rss_bytes', legend: 'TLS' },
        ]),
        timeseries(
          'Runtime restarts',
          'Processes replaced in the last five minutes, by reason, and instances that did not end when told to.',
          'none',
          [
            {
              expr: 'sum by (reason) (increase(vitrine_runtime_restarts_total[5m]))',
              legend: '{{reason}}',
            },
            { expr: 'sum(increase(vitrine_instances_stuck_total[5m]))', legend: 'stuck instances' },
            { expr: 'increase(vitrine_tls_relay_restarts_total[5m])', legend: 'TLS' },
          ],
        ),
        timeseries('Event loops', 'Longest delay of each process’ event loop.', 's', [
          { expr: 'vitrine_event_loop_lag_seconds', legend: '{{process}}' },
        ]),
        timeseries('Instances ended', 'Why instances ended.', 'short', [
          {
            expr: `sum by (reason) (rate(vitrine_instance_terminations_total{${APPS}}${RATE}))`,
            legend: '{{reason}}',
          },
        ]),
        timeseries('Evictions', 'Apps that left the cache of loaded apps.', 'short', [
          { expr: `sum by (reason) (rate(vitrine_app_evictions_total${RATE}))`, legend: '{{reason}}' },
        ]),
        timeseries('Limits hit', 'How often apps ran into a limit.', 'short', [
          {
            expr: `sum by (app, limit) (rate(vitrine_limit_hits_total{${APPS}}${RATE})) > 0`,
            legend: '{{app}}: {{limit}}',
          },
        ]),
        timeseries(
          'Heap against its limit',
          'Share of its memory limit that the largest instance’s heap takes, of the ten closest apps.',
          'percentunit',
          [
            {
              expr: `topk(10, vitrine_instance_heap_bytes{${APPS}} / on (app) vitrine_limit{limit="memory"})`,
              legend: '{{app}}',
            },
          ],
        ),
      ],
    },
  ],
}
