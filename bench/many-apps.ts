/** Is a platform with 100,000 deployed apps, 1,000 of them loaded, any slower or larger than one with 10? */
import { join } from 'node:path'
import { Client } from './support/client.ts'
import { atMost } from './support/goals.ts'
import { load, WARM_UP_SECONDS } from './support/load.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Question } from './support/question.ts'
import { temporaryDirectory } from './support/server-process.ts'
import { alternate, fixed, median, ratios, shown, spread } from './support/statistics.ts'
import { appNames, smallApp, storeApps, touch } from './support/stored-apps.ts'

const COUNTS = { few: 10, many: 100_000 }
/** Of the many; of the few, all are. */
const LOADED = 1000
const AGAINST = `${fixed(COUNTS.many, 0)} apps against ${COUNTS.few}`
type Side = keyof typeof COUNTS
const SIDES: Side[] = ['few', 'many']

/** "No slower" with what such measurements scatter by. */
const RATIO_GOAL = 1.1
const START_GOAL_S = 2
const MORE_RSS_GOAL_MB = 100

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
  const { warm, rssMb, loadedRssMb } = await measureWarm(stores, { repeats, seconds })
  const values = (side: Side, figure: Figure) =>
    figure === 'warm request' ? warm[side] : started[side].map(measured => measured[figure])
  const ratio = (figure: Figure) => ratios(values('many', figure), values('few', figure)).median
  return {
    goals: [
      ...FIGURES.map(figure => atMost(`${AGAINST}: ${figure}`, RATIO_GOAL, ratio(figure))),
      atMost(
        `${fixed(COUNTS.many, 0)} apps: start-up`,
        START_GOAL_S,
        median(values('many', 'start-up')) / 1000,
        { unit: 's' },
      ),
      atMost(`${AGAINST}: more RSS, as many loaded`, MORE_RSS_GOAL_MB, rssMb.many - rssMb.few, {
        unit: 'MB',
        digits: 0,
      }),
    ],
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
        `Warm request: p50 over one connection, both platforms running, ${LOADED} apps of the many loaded.`,
      `RSS with ${COUNTS.few} apps loaded: ${fixed(rssMb.few, 0)} MB where these are all, ${fixed(rssMb.many, 0)} MB where ` +
        `${fixed(COUNTS.many, 0)} are deployed. With ${fixed(LOADED, 0)} of these loaded: ${fixed(loadedRssMb, 0)} MB.`,
    ],
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
    const host = `sub-${n}.app-${n % COUNTS[side]}.example.test`
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

interface Warm {
  warm: Record<Side, number[]>
  /** With as many apps loaded on both. */
  rssMb: Record<Side, number>
  loadedRssMb: number
}

async function measureWarm(stores: Record<Side, string>, { repeats, seconds }: AskOptions): Promise<Warm> {
  await using few = await Platform.open(stores.few)
  await using many = await Platform.open(stores.many)
  const rssMb = { few: await rssWith(few, COUNTS.few), many: await rssWith(many, COUNTS.few) }
  const loadedRssMb = await rssWith(many, LOADED)
  const targets = { few: few.app('app-0'), many: many.app('app-0') }
  for (const side of SIDES) await load(targets[side], { connections: 1, seconds: WARM_UP_SECONDS })
  const warm = await alternate(SIDES, repeats, async side => {
    const { p50Ms } = await load(targets[side], { connections: 1, seconds })
    return p50Ms
  })
  return { warm, rssMb, loadedRssMb }
}

/** Resident memory in MB, once so many apps are loaded. */
async function rssWith(platform: Platform, apps: number): Promise<number> {
  await touch(platform, appNames(apps))
  return platform.process.memory().rssBytes / 1e6
}

function withoutWarmUp(durations: number[]): number[] {
  return durations.slice(Math.floor(durations.length * WARM_UP_SHARE))
}

/** A database with that many apps, each with a route to its subdomains. */
async function filledStore(apps: number): Promise<string> {
  const file = join(temporaryDirectory(), 'vitrine.db')
  await storeApps(
    file,
    appNames(apps).map(name => ({ ...smallApp(name), routes: [`*.${name}.example.test/api/*`] })),
  )
  return file
}

export const manyApps: Question = { name: 'many-apps', title: 'Whether many deployed apps slow it down', ask }
