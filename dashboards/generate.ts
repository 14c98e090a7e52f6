/** Writes the dashboards as the JSON that Grafana is provisioned with: `node dashboards/generate.ts`. */
import { writeFileSync } from 'node:fs'
import { overview } from './overview.ts'
import { type Dashboard, render } from './panels.ts'

const DASHBOARDS: readonly Dashboard[] = [overview]

/** Every dashboard's file, beside this one, and what is in it. */
export function dashboards(): { file: URL; json: string }[] {
  return DASHBOARDS.map(dashboard => ({
    file: new URL(`./${dashboard.uid.replace('vitrine-', '')}.json`, import.meta.url),
    json: `${JSON.stringify(render(dashboard), null, 2)}\n`,
  }))
}

if (import.meta.main) for (const { file, json } of dashboards()) writeFileSync(file, json)
