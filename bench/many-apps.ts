/** Is a platform with 10,000 deployed apps any slower than one with 10? */
import { join } from 'node:path'
import { Client } from './support/client.ts'
import { load, WARM_UP_SECONDS } from './support/load.ts'
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

const DEPLOYS = 20
const LOOKUPS = 1000
/** A platform just started compiles its own code during the first share of them, which does not count. */
const WARM_UP_SHARE = 0.3

const FIGURES = ['start-up', 'deploy', 'route look-up', 'warm request'] as const
type Figure = (typeof FIGURES)[number]

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  const stores = { few: await filledStore(COUNTS.few), many: await filledStore(COUNTS.many) }
  let round = 0
  const started = await alternate(SIDES, repeats, side => measureStart(stores[side], side, round++))
  const warm = await measureWarm(stores, { repeats, seconds })
  const values = (side: Side, figure: Figure) =>
    figure === 'warm request' ? warm[side] : started[side].map(measured => measured[figure])
  const ratio = (figure: Figure) => ratios(values('many', figure), values('few', figure)).median
  return {
    goals: FIGURES.map(figure => goalFor(figure, ratio(figure))),
    tables: [
      {
        columns: ['ms', `${fixed(COUNTS.few, 0)} apps`, `${fixed(COUNTS.many, 0)} apps`, 'ratio'],
        rows: FIGURES.map(figure => [
          figure,
          ...SIDES.map(side => shown(spread(values(side, figure)), 2)),
          `${fixed(ratio(figure), 2)}×`,
        ]),
      },
    ],
    notes: [
      `Start-up: from the process to readiness. Deploy: median of ${DEPLOYS} through the control API. ` +
        `Route look-up: median of ${LOOKUPS} requests to hosts not asked for before, whose routes lead elsewhere. ` +
        `Each round starts both platforms anew for these, and of the latter two the first ${WARM_UP_SHARE * 100} % do not count. ` +
        'Warm request: p50 over one connection, both platforms running.',
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

async function measureStart(
  file: string,
  side: Side,
  round: number,
): Promise<Record<Exclude<Figure, 'warm request'>, number>> {
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
  return {
    'start-up': platform.startMs,
    deploy: median(withoutWarmUp(deploys)),
    'route look-up': median(withoutWarmUp(lookups)),
  }
}

async function measureWarm(
  stores: Record<Side, string>,
  { repeats, seconds }: AskOptions,
): Promise<Record<Side, number[]>> {
  await using few = await Platform.open(stores.few)
  await using many = await Platform.open(stores.many)
  const targets = { few: few.app(appName(0)), many: many.app(appName(0)) }
  for (const side of SIDES) await load(targets[side], { connections: 1, seconds: WARM_UP_SECONDS })
  return await alternate(SIDES, repeats, async side => {
    const { p50Ms } = await load(targets[side], { connections: 1, seconds })
    return p50Ms
  })
}

function withoutWarmUp(durations: number[]): number[] {
  return durations.slice(Math.floor(durations.length * WARM_UP_SHARE))
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
