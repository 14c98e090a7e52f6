/** What does it cost that a body is read as text and answered as a string, instead of as bytes? */
import { benchApp, compare, comparisonTable } from './support/comparison.ts'
import { atLeast } from './support/goals.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Goal, Question, Table } from './support/question.ts'
import { spread } from './support/statistics.ts'

const GOAL_MB_PER_SECOND = 1000
const CONNECTIONS = 16
const SIZES = { '100 kB': 100_000, '1 MB': 1_000_000 }
/** What is less cannot be told from noise. */
const EXTRA_US_MIN = 1

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  await using platform = await Platform.start()
  const sides = {
    'as text': await platform.deploy('text', benchApp('echo-text')),
    'as bytes': await platform.deploy('bytes', benchApp('echo-bytes')),
  }
  const goals: Goal[] = []
  const tables: Table[] = []
  for (const [size, bodyBytes] of Object.entries(SIZES)) {
    const load = { method: 'POST', bodyBytes, connections: CONNECTIONS, repeats, seconds } as const
    const loads = await compare(sides, load)
    // Decoded once and encoded once: twice the bytes.
    const perSecond = loads['as text'].map((text, round) => {
      const extraUs = text.cpuUs - loads['as bytes'][round]!.cpuUs
      return (2 * bodyBytes) / Math.max(extraUs, EXTRA_US_MIN)
    })
    goals.push(
      atLeast(
        `${size} echoed as text: by the CPU time beyond bytes’`,
        GOAL_MB_PER_SECOND,
        spread(perSecond).median,
        {
          unit: 'MB/s',
          digits: 0,
        },
      ),
    )
    tables.push({ title: `${size}, ${CONNECTIONS} connections`, ...comparisonTable(loads) })
  }
  return { goals, tables }
}

export const text: Question = { name: 'text', title: 'What text costs beyond bytes', ask }
