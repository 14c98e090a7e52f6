/** What do Web APIs cost inside an isolate, against workerd? */
import { createHash } from 'node:crypto'
import { Client } from './support/client.ts'
import { benchApp } from './support/comparison.ts'
import { startWorkerd } from './support/peers.ts'
import { Platform } from './support/platform.ts'
import type { Answer, AskOptions, Goal, Question } from './support/question.ts'
import { alternate, fixed, ratios, shown, spread } from './support/statistics.ts'
import type { Target } from './support/target.ts'

interface Case {
  name: string
  title: string
  /** How often it runs for each measurement: some tens of milliseconds. */
  times: number
  /** What it works on each time; 0: its figure is a time, not a rate. */
  bytes: number
  /** Microseconds at most, or MB/s at least. */
  goal?: number
}

const ASCII_BYTES = 23_302 * 45
const MIXED_BYTES = 15_000 * 67
const MEGABYTE = 1_000_000

const CASES: readonly Case[] = [
  { name: 'url', title: 'new URL, typical', times: 20_000, bytes: 0, goal: 3 },
  { name: 'search', title: 'new URL and searchParams.get', times: 20_000, bytes: 0 },
  { name: 'response', title: 'new Response of a string', times: 50_000, bytes: 0, goal: 1 },
  { name: 'json', title: 'Response.json', times: 50_000, bytes: 0 },
  { name: 'headers', title: 'new Headers of 20', times: 10_000, bytes: 0 },
  { name: 'clone', title: 'structuredClone of a small record', times: 10_000, bytes: 0 },
  { name: 'encode-ascii', title: 'TextEncoder, ASCII', times: 40, bytes: ASCII_BYTES, goal: 300 },
  { name: 'encode-mixed', title: 'TextEncoder, mixed text', times: 20, bytes: MIXED_BYTES, goal: 100 },
  { name: 'decode-ascii', title: 'TextDecoder, ASCII', times: 40, bytes: ASCII_BYTES, goal: 300 },
  { name: 'decode-mixed', title: 'TextDecoder, mixed text', times: 20, bytes: MIXED_BYTES, goal: 100 },
  { name: 'sha-256', title: 'SHA-256 of 1 MB', times: 100, bytes: MEGABYTE },
]

/** Beside the request itself, which takes 0.3 ms or so. */
const WARM_UPS = 3
const DIGEST_GOAL = 1.5

async function ask({ repeats }: AskOptions): Promise<Answer> {
  const file = benchApp('web-apis')
  await using platform = await Platform.start({ flags: ['--cpu-ms', '10000'] })
  await using workerd = await startWorkerd(file)
  using client = new Client(1)
  const sides = { Vitrine: await platform.deploy('web-apis', file), workerd: workerd.target }
  const goals: Goal[] = []
  const rows: string[][] = []
  for (const one of CASES) {
    const measure = (side: keyof typeof sides) => perTime(client, sides[side], one)
    for (let i = 0; i < WARM_UPS; i++) for (const side of ['Vitrine', 'workerd'] as const) await measure(side)
    const us = await alternate(['Vitrine', 'workerd'], repeats, measure)
    const figures = (all: number[]) => (one.bytes === 0 ? all : all.map(each => one.bytes / each))
    const [ours, theirs] = [spread(figures(us.Vitrine)), spread(figures(us.workerd))]
    const unit = one.bytes === 0 ? 'µs' : 'MB/s'
    const digits = one.bytes === 0 ? 2 : 0
    const ratio = `${fixed(ratios(us.Vitrine, us.workerd).median, 2)}×`
    rows.push([one.title, unit, shown(ours, digits), shown(theirs, digits), ratio])
    if (one.goal !== undefined) {
      goals.push({
        what: one.title,
        goal: `${one.bytes === 0 ? '≤' : '≥'} ${one.goal} ${unit}`,
        measured: `${fixed(ours.median, digits)} ${unit}`,
        met: one.bytes === 0 ? ours.median <= one.goal : ours.median >= one.goal,
      })
    }
    if (one.name === 'sha-256') {
      const against = ratios(us.Vitrine, us.Vitrine.map(nodeDigestUs)).median
      goals.push({
        what: 'SHA-256 of 1 MB: time against Node’s own',
        goal: `≤ ${DIGEST_GOAL}×`,
        measured: `${fixed(against, 2)}×`,
        met: against <= DIGEST_GOAL,
      })
    }
  }
  return {
    goals,
    tables: [{ columns: ['', '', 'Vitrine', 'workerd', 'Vitrine’s time'], rows }],
    notes: ['One request runs each many times; its whole time, the answer’s way included, is shared out.'],
  }
}

/** Microseconds for each time that a case runs. */
async function perTime(client: Client, target: Target, { name, times }: Case): Promise<number> {
  const { port, host } = target
  const { ms } = await client.sendOk({ port, host, path: `/${name}?n=${times}` })
  return (ms * 1000) / times
}

const megabyte = new Uint8Array(MEGABYTE).fill(7)

function nodeDigestUs(): number {
  const times = 20
  const began = performance.now()
  for (let i = 0; i < times; i++) createHash('sha256').update(megabyte).digest()
  return ((performance.now() - began) * 1000) / times
}

export const webApis: Question = { name: 'web-apis', title: 'What Web APIs cost inside an isolate', ask }
