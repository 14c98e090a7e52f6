/**
 * docs/metrics.md, from the declared families. `node src/metrics/reference.ts > docs/metrics.md` writes it; a test
 * compares.
 */
import { OPTIONS } from '../config.ts'
import { type Family, NO_APP, OTHER_APPS } from './families.ts'
import { FAMILY_NAMES, familyOf, familySeriesMax, PROCESS_ROWS, seriesMax } from './layout.ts'

const PER = {
  platform: 'The platform',
  app: 'Each app',
  process: 'Each process of the platform',
} satisfies Record<Family['per'], string>

const READ = {
  events: 'counted as it happens',
  stats: 'read at the scrape',
  scrape: 'computed at the scrape',
} satisfies Record<Family['from'], string>

export function reference(): string {
  const appsMax = OPTIONS.metricsMaxApps.default
  const withoutApps = seriesMax(0) - perApp() * 2
  return `# Metrics

Generated from \`src/metrics/families.ts\` by \`node src/metrics/reference.ts > docs/metrics.md\`; edit that, not this.

\`:9898/metrics\` serves ${FAMILY_NAMES.length} families, as Prometheus’ text, or as OpenMetrics to those who ask for it,
compressed by gzip to those who take it. \`:9898/healthz\` answers 200 while the platform’s event loop turns;
\`:9898/readyz\` answers 200 while the platform would take a request, otherwise 503 and the reason.

Counters of apps are there, at 0, from an app’s first series on; of \`vitrine_requests_total\` only each outcome’s usual
class. Histograms are there from their first observation. Gauges of an app are there while it is loaded.

## How many series

At most \`--metrics-max-apps\` (${appsMax}) apps have series of their own: the busiest, by requests in the last minute. All
others are summed under \`app="${OTHER_APPS}"\`; \`app="${NO_APP}"\` is for requests that belong to no app, such as those to unknown
hosts. An app that loses its series to a busier one has its counts added to \`${OTHER_APPS}\`, so that the sum over apps stays
what it was; a deleted app’s series go together with their counts.

An addition to \`${OTHER_APPS}\` looks to \`rate()\` like traffic. Where that would mislead, as in an alert, leave it out:
\`{app!="${OTHER_APPS}"}\`. \`vitrine_metrics_overflow_total\` tells whether there is any.

Series are at most \`${withoutApps} + ${perApp()} × (metrics-max-apps + 2)\`, ${seriesMax(appsMax)} by default, if every app fails in every way, and
${PROCESS_ROWS - 1} runtimes are there. An app that serves requests without failing has about 200.
${(['platform', 'app', 'process'] as const).map(section).join('')}`
}

function perApp(): number {
  return seriesMax(1) - seriesMax(0)
}

function section(per: Family['per']): string {
  const names = FAMILY_NAMES.filter(name => familyOf(name).per === per)
  const rows = names.map(name => {
    const family = familyOf(name)
    const series = familySeriesMax(name, 1) - (per === 'app' ? familySeriesMax(name, 0) : 0)
    const count = per === 'process' ? '' : ` ${series} |`
    return `| \`${name}\` | ${family.type} | ${family.unit} | ${labels(family)} | ${family.help}${read(family)} |${count}`
  })
  const count = per === 'process' ? ['', ''] : [' at most |', ' ---: |']
  return `
## ${PER[per]}

| family | type | unit | labels | what it is |${count[0]}
| --- | --- | --- | --- | --- |${count[1]}
${rows.join('\n')}
`
}

function read({ from }: Family): string {
  return from === 'events' ? '' : ` (${READ[from]})`
}

function labels(family: Family): string {
  const closed = Object.entries(family.labels).map(([label, values]) =>
    values === null ? `\`${label}\`` : `\`${label}\`: ${values.join(', ')}`,
  )
  return [...(family.rowLabel ? [`\`${family.rowLabel}\``] : []), ...closed].join('; ')
}

if (import.meta.main) process.stdout.write(reference())
