/** Is a platform with 10,000 deployed apps any slower than one with 10? */
import { join } from 'node:path'
import { Client } from './support/client.ts'
import { load } from './support/load.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Goal, Question } from './support/question.ts'
import { temporaryDirectory } from './support/server-process.ts'
import { alternate, fixed, median, ratios, shown, spread } from './support/statistics.ts'
import { smallApp, storeApps } from './support/stored-apps.ts'

const COUNTS = { few: 10, many: 10_000 }
type Side = keyof typeof COUNTS
const SIDES: Side[] = ['few', 'many']

/** "No slower" with what such measurements scatter by. */
const RATIO_GOAL = 1.1

const DEPLOYS = 10
const LOOKUPS = 200

type Figures = Record<'start-up' | 'deploy' | 'route look-up' | 'warm request', number>

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  const stores = { few: await filledStore(COUNTS.few), many: await filledStore(COUNTS.many) }
  let round = 0
  const measured = await alternate(SIDES, repeats, side => measure(stores[side], side, round++, seconds))
  const figures = Object.keys(measured.few[0]!) as (keyof Figures)[]
  const values = (side: Side, figure: keyof Figures) => measured[side].map(figures => figures[figure])
  const ratio = (figure: keyof Figures) => ratios(values('many', figure), values('few', figure)).median
  return {
    goals: figures.map(figure => goalFor(figure, ratio(figure))),
    tables: [
      {
        columns: ['ms', `${fixed(COUNTS.few, 0)} apps`, `${fixed(COUNTS.many, 0)} apps`, 'ratio'],
        rows: figures.map(figure => [
          figure,
          ...SIDES.map(side => shown(spread(values(side, figure)), 2)),
          `${fixed(ratio(figure), 2)}×`,
        ]),
      },
    ],
    notes: [
      `Each round starts both platforms anew. Start-up: from the process to readiness. Deploy: median of ${DEPLOYS} through the control API. ` +
        `Route look-up: median of ${LOOKUPS} requests to hosts not asked for before, whose routes lead elsewhere. ` +
        'Warm request: p50 over one connection.',
    ],
  }
}

function goalFor(figure: string, ratio: number): Goal {
  return {
    what: `${fixed(COUNTS.many, 0)} apps against ${COUNTS.few}: ${figure}`,
    goal: `≤ ${RATIO_GOAL}×`,
    measured: `${fixed(ratio, 2)}×`,
    met: ratio <= RATIO_GOAL,
  }
}

async function measure(file: string, side: Side, round: number, seconds: number): Promise<Figures> {
  await using platform = await Platform.open(file)
  using client = new Client(1)
  const deploys: number[] = []
  for (let n = 0; n < DEPLOYS; n++)
    deploys.push(await platform.upload(`new-${n}`, smallApp(`${round}-${n}`).source))
  const lookups: number[] = []
  for (let n = 0; n < LOOKUPS; n++) {
    const host = `sub-${n}.${appName(n % COUNTS[side])}.example.test`
    const { status, ms } = await client.send({ port: platform.appsPort, host })
    if (status !== 404) throw new Error(`${host} answers ${status} where it has no route`)
    lookups.push(ms)
  }
  const app = platform.app(appName(0))
  await load(app, { connections: 1, seconds: 1 })
  const { p50Ms } = await load(app, { connections: 1, seconds })
  return {
    'start-up': platform.startMs,
    deploy: median(deploys),
    'route look-up': median(lookups),
    'warm request': p50Ms,
  }
}

function appName(index: number): string {
  return `app-${index}`
}

/** A database with that many apps, each with a route to its subdomains. */
async function filledStore(apps: number): Promise<string> {
  const file = join(temporaryDirectory(), 'vitrine.db')
  const names = Array.from({ length: apps }, (_, index) => appName(index))
  await storeApps(
    file,
    names.map(name => ({ ...smallApp(name), routes: [`*.${name}.example.test/api/*`] })),
  )
  return file
}

export const manyApps: Question = { name: 'many-apps', title: 'Whether many deployed apps slow it down', ask }
