/** What do apps cost that do what apps do, against workerd and Miniflare? */
import { bundledApp } from './support/bundle.ts'
import { compare, comparisonTable } from './support/comparison.ts'
import { comparisonGoals, type Ratios } from './support/goals.ts'
import type { LoadOptions } from './support/load.ts'
import { startBare, startMiniflare, startWorkerd } from './support/peers.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Goal, Question, Table } from './support/question.ts'

const HEADERS = Object.fromEntries(
  Array.from({ length: 20 }, (_, i) => [`x-header-${i}`, `value number ${i}`]),
)

interface Workload extends Omit<LoadOptions, 'seconds'> {
  title: string
  app: string
  goals: Ratios
}

const WORKLOADS: readonly Workload[] = [
  {
    title: '20 headers and a URL with a query',
    app: 'request',
    goals: { cpu: 0.6 },
    connections: 64,
    path: '/api/v1/things?id=17&page=3&sort=name',
    headers: HEADERS,
  },
  {
    title: 'hono with 50 routes',
    app: 'hono',
    goals: { cpu: 0.6 },
    connections: 64,
    path: '/things-9/17?full=yes',
  },
  { title: '50 kB rendered by React', app: 'react', goals: { throughput: 1.3 }, connections: 16 },
  { title: 'two subrequests', app: 'upstream', goals: { cpu: 0.8 }, connections: 64 },
]

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  await using upstream = await startBare('http')
  const define = { UPSTREAM: `http://127.0.0.1:${upstream.target.port}/` }
  const goals: Goal[] = []
  const tables: Table[] = []
  for (const { title, app, goals: ratios, ...load } of WORKLOADS) {
    const file = await bundledApp(app, define)
    await using platform = await Platform.start({ flags: ['--egress-allow', '127.0.0.0/8'] })
    await using workerd = await startWorkerd(file)
    await using miniflare = await startMiniflare(file)
    const sides = {
      Vitrine: await platform.deploy(app, file),
      workerd: workerd.target,
      Miniflare: miniflare.target,
    }
    const loads = await compare(sides, { ...load, repeats, seconds })
    goals.push(...comparisonGoals(title, loads, ratios))
    tables.push({ title: `${title}, ${load.connections} connections`, ...comparisonTable(loads) })
  }
  const notes = ['The server that the subrequests go to is bare node:http, and its CPU time does not count.']
  return { goals, tables, notes }
}

export const apps: Question = { name: 'apps', title: 'What apps cost that do what apps do', ask }
