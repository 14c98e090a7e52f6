/** What does the sandbox add to an empty isolate? */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { IsolateCost, IsolateCosts } from './support/isolates.ts'
import type { Answer, AskOptions, Question } from './support/question.ts'
import { fixed, shown, spread } from './support/statistics.ts'

const CPU_GOAL_MS = 4
const RSS_GOAL_MB = 1
const ISOLATES = fileURLToPath(new URL('./support/isolates.ts', import.meta.url))

async function ask({ repeats }: AskOptions): Promise<Answer> {
  const rounds: IsolateCosts[] = []
  for (let i = 0; i < repeats; i++) {
    const { stdout } = await promisify(execFile)(process.execPath, ['--no-node-snapshot', ISOLATES])
    rounds.push(JSON.parse(stdout) as IsolateCosts)
  }
  const added = (figure: keyof IsolateCost) =>
    spread(rounds.map(({ empty, sandbox }) => sandbox[figure] - empty[figure]))
  const [cpu, rss] = [added('cpuMs'), added('rssMb')]
  const row = (name: string, of: (round: IsolateCosts) => IsolateCost) => [
    name,
    shown(spread(rounds.map(round => of(round).cpuMs)), 1),
    shown(spread(rounds.map(round => of(round).rssMb)), 2),
  ]
  return {
    goals: [
      {
        what: 'CPU time until the sandbox is ready',
        goal: `≤ ${CPU_GOAL_MS} ms`,
        measured: `${fixed(cpu.median, 1)} ms`,
        met: cpu.median <= CPU_GOAL_MS,
      },
      {
        what: 'RSS that the sandbox adds to an isolate',
        goal: `≤ ${RSS_GOAL_MB} MB`,
        measured: `${fixed(rss.median, 2)} MB`,
        met: rss.median <= RSS_GOAL_MB,
      },
    ],
    tables: [
      {
        columns: ['an isolate and its context', 'CPU ms', 'RSS MB'],
        rows: [row('empty', ({ empty }) => empty), row('with the sandbox, no app', ({ sandbox }) => sandbox)],
      },
    ],
  }
}

export const prelude: Question = { name: 'prelude', title: 'What the sandbox adds to an isolate', ask }
