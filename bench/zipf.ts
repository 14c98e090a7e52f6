/** What does it cost when requests are spread over 1,000 apps, few of them asked for often? */
import { comparisonTable } from './support/comparison.ts'
import { load, WARM_UP_SECONDS } from './support/load.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Question } from './support/question.ts'
import { alternate } from './support/statistics.ts'
import { appNames, smallApp, storeApps, touch } from './support/stored-apps.ts'

const CONNECTIONS = 64
const SIDES = { '1,000 apps': 1000, '10 apps': 10, '1 app': 1 }
const NAMES = appNames(1000)

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  await using platform = await Platform.start({ prepare: file => storeApps(file, NAMES.map(smallApp)) })
  await touch(platform, NAMES)
  const target = platform.app(NAMES[0]!)
  const measure = (side: keyof typeof SIDES, duration = seconds) =>
    load(target, { connections: CONNECTIONS, seconds: duration, zipfApps: SIDES[side] })
  const sides = Object.keys(SIDES) as (keyof typeof SIDES)[]
  for (const side of sides) await measure(side, WARM_UP_SECONDS)
  const loads = await alternate(sides, repeats, side => measure(side))
  return {
    tables: [{ title: `${CONNECTIONS} connections`, ...comparisonTable(loads) }],
    notes: [
      'All of them on one platform that has 1,000 apps loaded. By Zipf’s law: the nth app is asked for 1/n as often as the first.',
    ],
  }
}

export const zipf: Question = { name: 'zipf', title: 'What requests to 1,000 apps cost', ask }
