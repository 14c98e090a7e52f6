/** Makes isolates, without the sandbox and with it, and prints as JSON what each took. */
import ivm from 'isolated-vm'
import { Isolate, SharedPrelude } from '../../src/runtime/isolate.ts'
import { loadPrelude } from '../../src/runtime/prelude.ts'

/** So many as RSS moves in steps of 2 MB. */
const COUNT = 200
const MEMORY_MB = 128

export interface IsolateCosts {
  empty: IsolateCost
  sandbox: IsolateCost
}

export interface IsolateCost {
  cpuMs: number
  rssMb: number
}

const prelude = new SharedPrelude(await loadPrelude())
const kept: unknown[] = []

async function empty(): Promise<void> {
  const isolate = new ivm.Isolate({ memoryLimit: MEMORY_MB })
  kept.push(isolate, await isolate.createContext())
}

async function sandbox(): Promise<void> {
  kept.push(await Isolate.create(prelude, MEMORY_MB))
}

async function measure(make: () => Promise<void>): Promise<IsolateCost> {
  // The first ones compile, and warm threads and allocators up.
  for (let i = 0; i < 3; i++) await make()
  const cpu = process.cpuUsage()
  const rss = process.memoryUsage.rss()
  for (let i = 0; i < COUNT; i++) await make()
  const { user, system } = process.cpuUsage(cpu)
  return {
    cpuMs: (user + system) / 1000 / COUNT,
    rssMb: (process.memoryUsage.rss() - rss) / COUNT / 2 ** 20,
  }
}

console.log(
  JSON.stringify({ empty: await measure(empty), sandbox: await measure(sandbox) } satisfies IsolateCosts),
)
process.exit(0)
