/**
 * Does anything grow? Load, deploys, evictions and attacks at random for an hour, with a look at memory, threads and
 * file descriptors whenever all of it rests.
 *
 * npm run soak -- [--minutes 60] [--seed N]
 *
 * Prints a line for each look; exit code 1 if a request of the victim failed, or what the platform holds has grown.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { encodeUpload } from '../src/build/upload.ts'
import { ACCOMPLICE_HOST, startAccomplice } from '../test/support/accomplice.ts'
import { type Attack, readAttacks, sendAttack, uploadOf } from '../test/support/attack.ts'
import { Client } from './support/client.ts'
import { Platform } from './support/platform.ts'
import { fixed, median } from './support/statistics.ts'
import { memory } from './support/usage.ts'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
})
const minutes = Number(values.minutes)

/** How long everything goes on between two looks, and how long it rests before one. */
const WORK_MS = 100_000
const REST_MS = 20_000
const APPS = 100
const FLAGS = [
  ...['--apps-max', '30', '--idle-ms', '5000', '--wall-ms', '5000', '--wait-until-ms', '500'],
  // Metrics and the log as they are by default, quarantine for a short time only: its cells come and go.
  ...['--quarantine-ms', '10000'],
  ...['--egress-allow', ACCOMPLICE_HOST],
]
const VICTIM_CONNECTIONS = 8
const VICTIM_PAUSE_MS = 5
const VISITORS = 4
const DEPLOY_EVERY_MS = 300
const ATTACK_EVERY_MS = 1000

/** Growth from the third quarter of the looks to the last that is none: V8 and malloc keep what they once had. */
const GROWTH_MAX = { mainBytes: 32 * 2 ** 20, descriptors: 8, threads: 4 }

interface Look {
  mainBytes: number
  allBytes: number
  /** Of the main process. */
  descriptors: number
  threads: number
  processes: number
}

/** A linear congruential generator (Numerical Recipes): the same seed gives the same hour. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const random = randomFrom(Number(values.seed))
const counts = { victim: 0, visits: 0, deploys: 0, deletions: 0, attacks: 0 }
/** Of the victim's requests since the last look. */
let slowestMs = 0
/** The attack under way. */
let attackName = 'none'
const failures = new Map<string, number>()
const attacks = readAttacks()
await using _accomplice = await startAccomplice()
await using platform = await Platform.start({ flags: FLAGS })
await platform.upload('victim', `export default { fetch() { return new Response('well') } }`)
for (let i = 0; i < APPS; i++) await deploySomething(`app-${i}`)

const looks: Look[] = []
console.log(
  'minute | main RSS | all RSS | fds | threads | processes | victim | its slowest | visits | deploys | attacks',
)
for (const end = performance.now() + minutes * 60_000; performance.now() < end; ) {
  const working = { until: performance.now() + WORK_MS }
  await Promise.all([
    ...Array.from({ length: VICTIM_CONNECTIONS }, () => askVictim(working)),
    ...Array.from({ length: VISITORS }, () => visit(working)),
    deploy(working),
    attack(working),
  ])
  await delay(REST_MS)
  platform.process.emptyLog()
  const look = lookAt(platform.process.pids)
  looks.push(look)
  console.log(lineOf(look, minutes - (end - performance.now()) / 60_000))
  slowestMs = 0
}

const problems = [...failures].map(([failure, count]) => `${count} requests of the victim failed: ${failure}`)
for (const [name, allowed] of Object.entries(GROWTH_MAX) as [keyof typeof GROWTH_MAX, number][]) {
  const [half, end] = [looks.length >> 1, Math.floor(looks.length * 0.75)]
  const before = median(looks.slice(half, Math.max(end, half + 1)).map(look => look[name]))
  const after = median(looks.slice(end).map(look => look[name]))
  console.log(`${name}: ${fixed(before, 0)} in the third quarter, ${fixed(after, 0)} in the last`)
  if (after - before > allowed) problems.push(`${name} has grown by ${fixed(after - before, 0)}`)
}
console.log(
  problems.length === 0 ? 'Nothing grows, and no request of the victim failed.' : problems.join('\n'),
)
process.exitCode = problems.length === 0 ? 0 : 1

type Working = { until: number }

function isOver({ until }: Working): boolean {
  return performance.now() >= until
}

async function askVictim(working: Working): Promise<void> {
  using client = new Client(1)
  while (!isOver(working)) {
    counts.victim++
    const failure = await client.send(platform.app('victim')).then(
      ({ status, headers, ms }) => {
        slowestMs = Math.max(slowestMs, ms)
        return status === 200 ? null : `${status} ${headers['x-vitrine-outcome']}`
      },
      (error: Error) => error.message,
    )
    if (failure !== null) count(failures, `${failure} beside ${attackName}`)
    await delay(VICTIM_PAUSE_MS)
  }
}

/** Apps that are deployed, deleted and evicted all the time: an answer is all that is asked for. */
async function visit(working: Working): Promise<void> {
  using client = new Client(1)
  while (!isOver(working)) {
    counts.visits++
    await client.send(platform.app(`app-${random(APPS)}`)).catch(() => {})
    await delay(random(20))
  }
}

async function deploy(working: Working): Promise<void> {
  while (!isOver(working)) {
    const app = `app-${random(APPS)}`
    if (random(5) === 0) await remove(app)
    else await deploySomething(app)
    await delay(random(2 * DEPLOY_EVERY_MS))
  }
}

async function deploySomething(app: string): Promise<void> {
  const padding = 'x'.repeat(random(50_000))
  await platform.upload(app, `/* ${padding} */ export default { fetch() { return new Response('${app}') } }`)
  counts.deploys++
}

async function remove(app: string): Promise<void> {
  await fetch(new URL(`/api/v1/apps/${app}`, platform.controlUrl), { method: 'DELETE' })
  counts.deletions++
}

async function attack(working: Working): Promise<void> {
  while (!isOver(working)) {
    const attack = attacks[random(attacks.length)]!
    attackName = attack.name
    const isDeployed = await deployAttack(attack)
    if (isDeployed) await sendAttack(attack, { port: platform.appsPort, neverMs: 1500 })
    await remove(attack.name)
    counts.attacks++
    await delay(random(2 * ATTACK_EVERY_MS))
  }
}

function count(of: Map<string, number>, key: string): void {
  of.set(key, (of.get(key) ?? 0) + 1)
}

/** Some attacks are at top level: the deploy is refused. */
async function deployAttack(attack: Attack): Promise<boolean> {
  const body = encodeUpload(await uploadOf(attack))
  const url = new URL(`/api/v1/apps/${attack.name}`, platform.controlUrl)
  const response = await fetch(url, { method: 'PUT', body })
  await response.arrayBuffer()
  return response.ok
}

function lookAt(pids: readonly number[]): Look {
  const main = pids[0]!
  return {
    mainBytes: memory([main]).rssBytes,
    allBytes: memory(pids).rssBytes,
    descriptors: readdirSync(`/proc/${main}/fd`).length,
    threads: Number(/^Threads:\s+(\d+)/m.exec(readFileSync(`/proc/${main}/status`, 'latin1'))?.[1]),
    processes: pids.length,
  }
}

function lineOf({ mainBytes, allBytes, descriptors, threads, processes }: Look, minute: number): string {
  const megabytes = (bytes: number) => `${fixed(bytes / 2 ** 20, 0)} MB`
  const { victim, visits, deploys, attacks } = counts
  return [
    ...[fixed(minute, 0), megabytes(mainBytes), megabytes(allBytes), descriptors, threads, processes],
    ...[victim, `${fixed(slowestMs, 0)} ms`, visits, deploys, attacks],
  ].join(' | ')
}
