/** Does a deploy disturb the requests of its app? */
import { setTimeout as delay } from 'node:timers/promises'
import { comparisonTable } from './support/comparison.ts'
import { atMost } from './support/goals.ts'
import { load, WARM_UP_SECONDS } from './support/load.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Question } from './support/question.ts'
import { alternate, fixed, median, ratios } from './support/statistics.ts'
import { smallApp } from './support/stored-apps.ts'

const CONNECTIONS = 64
const PAUSE_MS = 250
const P99_GOAL = 3
const APP = 'app-0'

type Side = 'redeployed' | 'left alone'
const SIDES: Side[] = ['redeployed', 'left alone']

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  await using platform = await Platform.start()
  let version = 0
  const deploy = () => platform.upload(APP, smallApp(`version ${version++}`).source)
  await deploy()
  const target = platform.app(APP)
  const options = { connections: CONNECTIONS, mayFail: true }
  await load(target, { ...options, seconds: WARM_UP_SECONDS })

  const deploysMs: number[] = []
  const loads = await alternate(SIDES, repeats, async side => {
    const loading = load(target, { ...options, seconds })
    if (side === 'redeployed') {
      const stop = new AbortController()
      const deploying = deployAgain(deploy, stop.signal)
      await loading.finally(() => stop.abort())
      deploysMs.push(...(await deploying))
    }
    return await loading
  })
  const p99 = ratios(
    loads.redeployed.map(({ p99Ms }) => p99Ms),
    loads['left alone'].map(({ p99Ms }) => p99Ms),
  ).median
  const failed = loads.redeployed.reduce((sum, load) => sum + load.failed, 0)
  return {
    goals: [
      atMost('failed requests while their app is deployed again', 0, failed, { unit: 'requests', digits: 0 }),
      atMost('p99 while an app is deployed again, against without', P99_GOAL, p99),
    ],
    tables: [{ title: `${CONNECTIONS} connections`, ...comparisonTable(loads) }],
    notes: [
      `The app was deployed ${deploysMs.length} times, ${PAUSE_MS} ms between; a deploy took ${fixed(median(deploysMs), 0)} ms.`,
    ],
  }
}

/** One deploy after the other until `signal` says stop; resolves to how long each took. */
async function deployAgain(deploy: () => Promise<number>, signal: AbortSignal): Promise<number[]> {
  const ms: number[] = []
  while (!signal.aborted) {
    ms.push(await deploy())
    await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
  }
  return ms
}

export const redeploy: Question = { name: 'redeploy', title: 'Whether a deploy disturbs requests', ask }
