/** How much does a small request cost, against workerd and against Node without a platform? */
import { against, benchApp, compare, comparisonTable } from './support/comparison.ts'
import { startBare, startWorkerd } from './support/peers.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Question } from './support/question.ts'
import { fixed } from './support/statistics.ts'

const CONNECTIONS = 64
const THROUGHPUT_GOAL = 2

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  const file = benchApp('hello')
  await using platform = await Platform.start()
  await using workerd = await startWorkerd(file)
  await using fastify = await startBare('fastify')
  await using http = await startBare('http')
  const sides = {
    Vitrine: await platform.deploy('hello', file),
    workerd: workerd.target,
    fastify: fastify.target,
    'node:http': http.target,
  }
  const many = await compare(sides, { connections: CONNECTIONS, repeats, seconds })
  const one = await compare(sides, { connections: 1, repeats, seconds })
  const throughput = against(many, 'workerd', 'perSecond').median
  return {
    goals: [
      {
        what: `hello, ${CONNECTIONS} connections: throughput against workerd`,
        goal: `≥ ${THROUGHPUT_GOAL}×`,
        measured: `${fixed(throughput, 2)}×`,
        met: throughput >= THROUGHPUT_GOAL,
      },
    ],
    tables: [
      { title: `${CONNECTIONS} connections`, ...comparisonTable(many) },
      { title: 'One connection', ...comparisonTable(one) },
    ],
    notes: [
      'The whole machine serves and makes the load. Metrics and access log as they are by default, the log to a file.',
    ],
  }
}

export const hello: Question = { name: 'hello', title: 'What a small request costs', ask }
