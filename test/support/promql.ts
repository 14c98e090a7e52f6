/** Which metrics and labels an expression of PromQL names: enough to compare them with what there is. */

export interface Named {
  metrics: { name: string; labels: string[] }[]
  /** Labels of groupings and matchings, which belong to some metric of the expression. */
  labels: string[]
}

const OPERATORS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan'])

export function namedIn(expression: string): Named {
  const named: Named = { metrics: [], labels: [] }
  const names = (list: string) => list.split(',').flatMap(name => name.trim() || [])
  const rest = expression
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g, (_, list: string) => {
      named.labels.push(...names(list))
      return ' '
    })
  for (const match of rest.matchAll(/(?<![\w.])([a-zA-Z_:][\w:]*)\s*(\(|\{[^}]*\})?/g)) {
    const [, name = '', after = ''] = match
    if (after === '(' || OPERATORS.has(name.toLowerCase())) continue
    const labels = [...after.matchAll(/([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label)
    named.metrics.push({ name, labels })
  }
  return named
}

/** An expression of a dashboard as Grafana would send it. */
export function filledIn(expression: string): string {
  return expression.replaceAll('$__rate_interval', '1m').replaceAll('$app', '.*')
}
