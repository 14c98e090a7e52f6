/** How the victim fares beside an app that behaves well and uses as much CPU time as an attacker does. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../support/client.ts'
import type { Arena } from './arena.ts'

/** CPU time in pieces as long as a request may be by default, or nearly. */
const PIECE_MS = 150
const BUSY = `export default {
  fetch() {
    for (const end = Date.now() + ${PIECE_MS}; Date.now() < end; );
    return new Response('done')
  },
}`

/** How many clients ask without a pause, and the share of the time that each of them does. */
const LEVELS = [
  { clients: 0, share: 0 },
  { clients: 1, share: 0.3 },
  { clients: 1, share: 1 },
  { clients: 2, share: 1 },
  { clients: 4, share: 1 },
]

export interface Level {
  cpuCores: number
  p99Ms: number
}

export class Baseline {
  readonly levels: readonly Level[]

  constructor(levels: readonly Level[]) {
    this.levels = levels.toSorted((a, b) => a.cpuCores - b.cpuCores)
  }

  /** The p99 beside a well-behaved app that has the platform use this many cores. */
  p99Ms(cpuCores: number): number {
    const [first] = this.levels
    let before = first!
    for (const level of this.levels) {
      if (level.cpuCores >= cpuCores) {
        const span = level.cpuCores - before.cpuCores
        const share = span > 0 ? Math.max(0, cpuCores - before.cpuCores) / span : 1
        return before.p99Ms + (level.p99Ms - before.p99Ms) * share
      }
      before = level
    }
    return before.p99Ms
  }
}

/** Measures each level for this long. */
export async function measureBaseline(arena: Arena, ms: number): Promise<Baseline> {
  const levels: Level[] = []
  for (const level of LEVELS) levels.push(await measureLevel(arena, level, ms))
  return new Baseline(levels)
}

/**
 * The p99 beside a well-behaved app that has the platform use as many cores, measured now. How much it has to ask for
 * that depends on who else wants them: where it used less than it should, or more, it asks again.
 */
export async function p99Beside(arena: Arena, cpuCores: number, ms: number): Promise<number> {
  let nearest: Level | null = null
  const offBy = (level: Level) => Math.abs(level.cpuCores - cpuCores)
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const coresOfBusy = Math.min(CLIENTS_MAX, Math.max(0, cpuCores - coresBesides))
    const clients = Math.ceil(coresOfBusy)
    const level = await measureLevel(arena, { clients, share: coresOfBusy / Math.max(1, clients) }, ms)
    if (!nearest || offBy(level) < offBy(nearest)) nearest = level
    if (offBy(level) <= CORES_OFF_MAX || (clients === 0 && level.cpuCores > cpuCores)) break
    coresBesides = Math.max(-1, Math.min(1, coresBesides + level.cpuCores - cpuCores))
  }
  return nearest!.p99Ms
}

/** What is used besides what is asked for: at first, what serving the victim takes, its clients included. */
let coresBesides = 0.25
const CORES_OFF_MAX = 0.06
const TRIES_MAX = 3
const CLIENTS_MAX = 4

async function measureLevel(
  arena: Arena,
  { clients, share }: (typeof LEVELS)[number],
  ms: number,
): Promise<Level> {
  const names = Array.from({ length: clients }, (_, index) => `busy-${index}`)
  for (const name of names) await arena.platform.upload(name, BUSY)
  const act = () => Promise.all(names.map(name => ask({ arena, name, share, ms })))
  const { cpuCores, victim } = await arena.measure(act, ms)
  for (const name of names) await arena.delete(name)
  return { cpuCores, p99Ms: victim.p99Ms }
}

async function ask(task: { arena: Arena; name: string; share: number; ms: number }): Promise<void> {
  using client = new Client(1)
  const end = performance.now() + task.ms
  while (performance.now() < end) {
    const { ms } = await client.send({ port: task.arena.platform.appsPort, host: `${task.name}.localhost` })
    if (task.share < 1) await sleep((ms * (1 - task.share)) / task.share)
  }
}
