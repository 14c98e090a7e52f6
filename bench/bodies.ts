/** What do bodies cost, against workerd? */
import { benchApp, compare, comparisonTable } from './support/comparison.ts'
import { comparisonGoals } from './support/goals.ts'
import type { LoadOptions } from './support/load.ts'
import { startWorkerd } from './support/peers.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Goal, Question, Table } from './support/question.ts'

const LONG = { method: 'POST', bodyBytes: 100_000_000 } as const
const ECHO = { method: 'POST', bodyBytes: 100_000 } as const

const WORKLOADS: readonly ({ title: string; app: string; cpu: number } & Omit<LoadOptions, 'seconds'>)[] = [
  { title: '10 kB of JSON, 64 connections', app: 'json', cpu: 1, connections: 64 },
  { title: '100 kB echoed as bytes, 64 connections', app: 'echo-bytes', cpu: 1.5, connections: 64, ...ECHO },
  { title: '100 kB echoed as text, 64 connections', app: 'echo-text', cpu: 2, connections: 64, ...ECHO },
  { title: '1 MB streamed, 16 connections', app: 'stream', cpu: 1.15, connections: 16 },
  { title: '100 MB streamed through, 1 connection', app: 'through', cpu: 1.15, connections: 1, ...LONG },
]

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  const goals: Goal[] = []
  const tables: Table[] = []
  for (const { title, app, cpu, ...load } of WORKLOADS) {
    const file = benchApp(app)
    // One each: what one load left behind is not the next one's memory.
    await using platform = await Platform.start()
    await using workerd = await startWorkerd(file)
    const sides = { Vitrine: await platform.deploy(app, file), workerd: workerd.target }
    const loads = await compare(sides, { ...load, repeats, seconds })
    goals.push(...comparisonGoals(title, loads, { cpu }))
    tables.push({ title, ...comparisonTable(loads) })
  }
  return { goals, tables }
}

export const bodies: Question = { name: 'bodies', title: 'What bodies cost', ask }
