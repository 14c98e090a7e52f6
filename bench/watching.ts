/** How much throughput do metrics and the trace context take, and how much the access log? Each request is traced. */
import { fileURLToPath } from 'node:url'
import { against, benchApp, compare, comparisonTable } from './support/comparison.ts'
import { atLeast } from './support/goals.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Question } from './support/question.ts'
import { fixed } from './support/statistics.ts'

const CONNECTIONS = 64
const GOALS = { 'without metrics and trace context': 97, 'without access log': 90 }
const headers = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }
const WITHOUT_METRICS = fileURLToPath(new URL('./support/without-metrics.ts', import.meta.url))

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  const file = benchApp('hello')
  await using usual = await Platform.start()
  await using unwatched = await Platform.start({
    nodeFlags: ['--import', WITHOUT_METRICS],
    flags: ['--trace-context=false'],
  })
  await using unlogged = await Platform.start({ flags: ['--access-log-sample', '0'] })
  const loads = await compare(
    {
      'as it is': await usual.deploy('hello', file),
      'without metrics and trace context': await unwatched.deploy('hello', file),
      'without access log': await unlogged.deploy('hello', file),
    },
    { connections: CONNECTIONS, repeats, seconds, headers },
  )
  return {
    goals: Object.entries(GOALS).map(([side, goal]) =>
      atLeast(
        `hello, ${CONNECTIONS} connections: throughput against ${side}`,
        goal,
        100 * against(loads, side, 'perSecond').median,
        { unit: '%', digits: 0 },
      ),
    ),
    tables: [{ title: `${CONNECTIONS} connections`, ...comparisonTable(loads) }],
    notes: [
      `Their shares of the CPU time: ${Object.keys(GOALS)
        .map(side => `${fixed(100 * (1 - 1 / against(loads, side, 'cpuUs').median), 0)} % (${side})`)
        .join(', ')}.`,
    ],
  }
}

export const watching: Question = { name: 'watching', title: 'What it costs to be watched', ask }
