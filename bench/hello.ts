/** How much does a small request cost, against workerd and against Node without a platform? */
import { against, benchApp, compare, comparisonTable } from './support/comparison.ts'
import { atMost, comparisonGoals } from './support/goals.ts'
import { startBare, startMiniflare, startWorkerd } from './support/peers.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Question } from './support/question.ts'

const CONNECTIONS = 64
const FASTIFY_CPU_GOAL = 1.5

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  const file = benchApp('hello')
  await using platform = await Platform.start()
  await using workerd = await startWorkerd(file)
  await using miniflare = await startMiniflare(file)
  await using fastify = await startBare('fastify')
  await using http = await startBare('http')
  const sides = {
    Vitrine: await platform.deploy('hello', file),
    workerd: workerd.target,
    Miniflare: miniflare.target,
    fastify: fastify.target,
    'node:http': http.target,
  }
  const many = await compare(sides, { connections: CONNECTIONS, repeats, seconds })
  const one = await compare(sides, { connections: 1, repeats, seconds })
  return {
    goals: [
      ...comparisonGoals(`hello, ${CONNECTIONS} connections`, many, { throughput: 3, cpu: 0.4, p99: 1 }),
      ...comparisonGoals('hello, 1 connection', one, { p50: 1.2 }),
      atMost(
        `hello, ${CONNECTIONS} connections: CPU against bare Fastify`,
        FASTIFY_CPU_GOAL,
        against(many, 'fastify', 'cpuUs').median,
      ),
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
