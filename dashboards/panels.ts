/** The few kinds of panels that the dashboards are made of, as Grafana's JSON. */

/** One curve, or one per series, with the name that the legend shows. */
export interface Query {
  expr: string
  legend?: string
}

/** Units as Grafana names them. */
export type Unit = 'short' | 's' | 'bytes' | 'Bps' | 'reqps' | 'percentunit' | 'none'

export interface Panel {
  title: string
  description: string
  kind: 'stat' | 'timeseries' | 'bargauge' | 'table'
  unit: Unit
  queries: Query[]
  /** Of the 24 columns. */
  width: number
  stacked?: boolean
}

export interface Row {
  title: string
  panels: Panel[]
}

export interface Dashboard {
  uid: string
  title: string
  description: string
  rows: Row[]
}

const PANEL_HEIGHT = 8
const COLUMNS = 24
const DATASOURCE = { type: 'prometheus', uid: 'vitrine-prometheus' }

/** Grafana's model of a dashboard: rows below each other, panels from left to right. */
export function render({ uid, title, description, rows }: Dashboard): unknown {
  const panels: unknown[] = []
  let y = 0
  for (const row of rows) {
    const id = () => panels.length + 1
    panels.push({
      id: id(),
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
    })
    y += 1
    let x = 0
    for (const panel of row.panels) {
      if (x + panel.width > COLUMNS) {
        x = 0
        y += PANEL_HEIGHT
      }
      panels.push({ id: id(), gridPos: { x, y, w: panel.width, h: PANEL_HEIGHT }, ...renderPanel(panel) })
      x += panel.width
    }
    y += PANEL_HEIGHT
  }
  return {
    uid,
    title,
    description,
    tags: ['vitrine'],
    schemaVersion: 39,
    editable: false,
    graphTooltip: 1,
    refresh: '15s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    templating: { list: [appVariable()] },
    panels,
  }
}

/** `$app` chooses which apps the panels of apps show. */
function appVariable(): unknown {
  const query = 'label_values(vitrine_requests_total, app)'
  return {
    name: 'app',
    label: 'App',
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: 'app' },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
  }
}

function renderPanel({ title, description, kind, unit, queries, stacked }: Panel): object {
  const instant = kind !== 'timeseries'
  return {
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend ?? '__auto',
      instant,
      range: !instant,
      ...(kind === 'table' && { format: 'table' }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(kind === 'timeseries' && {
          custom: {
            fillOpacity: stacked ? 30 : 8,
            lineWidth: 1,
            showPoints: 'never',
            stacking: { mode: stacked ? 'normal' : 'none' },
          },
        }),
      },
      overrides: [],
    },
    options: options(kind),
  }
}

function options(kind: Panel['kind']): object {
  const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false }
  switch (kind) {
    case 'stat':
      return { reduceOptions, colorMode: 'value', graphMode: 'none', textMode: 'value_and_name' }
    case 'bargauge':
      return { reduceOptions, orientation: 'horizontal', displayMode: 'basic', showUnfilled: true }
    case 'table':
      return { showHeader: true }
    case 'timeseries':
      return {
        legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
        tooltip: { mode: 'multi', sort: 'desc' },
      }
  }
}
