/** What do bodies cost, against workerd? */
import { benchApp, compare, comparisonTable } from './support/comparison.ts'
import type { LoadOptions } from './support/load.ts'
import { startWorkerd } from './support/peers.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Question, Table } from './support/question.ts'

const ECHO = { method: 'POST', bodyBytes: 100_000 } as const

const WORKLOADS: readonly ({ title: string; app: string } & Omit<LoadOptions, 'seconds'>)[] = [
  { title: '10 kB of JSON, 64 connections', app: 'json', connections: 64 },
  { title: '100 kB echoed as bytes, 64 connections', app: 'echo-bytes', connections: 64, ...ECHO },
  { title: '100 kB echoed as text, 64 connections', app: 'echo-text', connections: 64, ...ECHO },
  { title: '1 MB streamed, 16 connections', app: 'stream', connections: 16 },
]

async function ask({ repeats, seconds }: AskOptions): Promise<Answer> {
  await using platform = await Platform.start()
  const tables: Table[] = []
  for (const { title, app, ...load } of WORKLOADS) {
    const file = benchApp(app)
    await using workerd = await startWorkerd(file)
    const sides = { Vitrine: await platform.deploy(app, file), workerd: workerd.target }
    tables.push({ title, ...comparisonTable(await compare(sides, { ...load, repeats, seconds })) })
  }
  return { tables }
}

export const bodies: Question = { name: 'bodies', title: 'What bodies cost', ask }
