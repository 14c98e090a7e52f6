/** One attack, or several at once, beside the victim: what came of it, and what is wrong with that. */
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeUpload } from '../../src/build/upload.ts'
import { OPTIONS } from '../../src/config.ts'
import { type Attack, type AttackAnswer, judge, sendAttack, uploadOf } from '../../test/support/attack.ts'
import { type Arena, type Measured, WALL_MS } from './arena.ts'
import { p99BesideCalm } from './calm.ts'
import { FACTS_MS_MAX, missingFacts } from './facts.ts'

/** An attack ends this long after its limit, at the latest. */
const LATE_MS_MAX = 500
/** How much worse the victim's p99 may be than beside a well-behaved app. */
export const RATIO_MAX = 2
/** Memory that a process keeps for itself after hard work: V8's heaps and malloc's arenas give it back by and by. */
export const KEPT_BYTES_MAX = 256 * 2 ** 20
const RETURN_MS_MAX = 3000

export interface Row {
  name: string
  outcomes: string[]
  statuses: number[]
  /** Of the slowest request, or of the deploy that was refused. */
  endMs: number
  victim: Measured<unknown>['victim']
  ratio: number
  rssPeakBytes: number
  /** Memory when all was over, beyond what there was before. */
  keptBytes: number
  problems: string[]
}

/** How the first round of an attack ended. */
export interface Ended {
  outcomes: string[]
  answers: AttackAnswer[]
  endMs: number
}

/** What it asked of the platform besides CPU time, all rounds together. */
export interface Repeated extends Ended {
  attack: Attack
  rounds: number
  deploys: number
  requests: number
  bytesReceived: number
}

export interface TrialOptions {
  /** The victim's p99 beside a well-behaved app that has the platform use as many cores. */
  fairP99Ms(cpuCores: number): number | Promise<number>
  /** How long the attack is repeated at least. */
  ms: number
}

export async function tryAttack(arena: Arena, attack: Attack, options: TrialOptions): Promise<Row> {
  const { ms } = options
  const rssBefore = arena.rssBytes()
  const measured = await arena.measure(() => repeat(arena, attack, ms), ms)
  const { outcomes, answers, endMs } = measured.value
  const problems = [judge(attack, outcomes), await missingFacts(arena, attack, measured.value)]
  const limitMs = Math.max(...outcomes.map(outcome => limitOf(outcome, attack))) * attack.atOnce + LATE_MS_MAX
  if (endMs > limitMs) problems.push(`it ended after ${Math.round(endMs)} ms, not within ${limitMs} ms`)
  const wrong = answers.find(({ status }) => attack.status !== null && status !== attack.status)
  if (wrong) problems.push(`it got the status ${wrong.status}, not ${attack.status}`)
  await arena.delete(attack.name)
  const keptBytes = await memoryReturns(arena, rssBefore)
  if (keptBytes > KEPT_BYTES_MAX) problems.push(`${Math.round(keptBytes / 2 ** 20)} MB stay in use`)
  const row: Row = {
    name: attack.name,
    outcomes: [...new Set(outcomes)],
    statuses: [...new Set(answers.map(({ status }) => status))],
    endMs,
    victim: measured.victim,
    ratio: measured.victim.p99Ms / (await fairP99Ms(arena, [measured.value], { ...measured, ...options })),
    rssPeakBytes: measured.rssPeakBytes,
    keptBytes,
    problems: problems.filter(problem => problem !== null),
  }
  judgeVictim(row)
  arena.log.empty()
  return row
}

/** Beside apps that use as much CPU time, or beside ones that have as much done for them: where the victim fares worse. */
async function fairP99Ms(
  arena: Arena,
  attacks: readonly Repeated[],
  { cpuCores, fairP99Ms, ms }: TrialOptions & Pick<Measured<unknown>, 'cpuCores'>,
): Promise<number> {
  const busy = await fairP99Ms(cpuCores)
  const calm = Number.isFinite(busy) ? await p99BesideCalm(arena, attacks, ms) : 0
  return Math.max(busy, calm)
}

/** Several attacks at once: what counts is the victim. */
export async function tryTogether(
  arena: Arena,
  attacks: readonly Attack[],
  options: TrialOptions,
): Promise<Row> {
  const { ms } = options
  const rssBefore = arena.rssBytes()
  const act = () => Promise.all(attacks.map(attack => repeat(arena, attack, ms)))
  const measured = await arena.measure(act, ms)
  for (const { name } of attacks) await arena.delete(name)
  const keptBytes = await memoryReturns(arena, rssBefore)
  const row: Row = {
    name: attacks.map(({ name }) => name).join(' + '),
    outcomes: [...new Set(measured.value.flatMap(({ outcomes }) => outcomes))],
    statuses: [],
    endMs: Math.max(...measured.value.map(({ endMs }) => endMs)),
    victim: measured.victim,
    ratio: measured.victim.p99Ms / (await fairP99Ms(arena, measured.value, { ...measured, ...options })),
    rssPeakBytes: measured.rssPeakBytes,
    keptBytes,
    problems: [],
  }
  judgeVictim(row)
  arena.log.empty()
  return row
}

function judgeVictim(row: Row): void {
  const { failures } = row.victim
  if (failures.length > 0) row.problems.push(`the victim has ${failures.length} failures: ${failures[0]}`)
  if (row.ratio > RATIO_MAX) row.problems.push(`the victim's p99 is ${row.ratio.toFixed(1)} times as long`)
}

/** Attacks again and again, and tells how the first time ended. An attacker whose app is shut out deploys it anew. */
async function repeat(arena: Arena, attack: Attack, ms: number): Promise<Repeated> {
  const end = performance.now() + ms
  const first = await once(arena, attack, { deploys: true })
  const done = {
    attack,
    rounds: 1,
    deploys: 1,
    requests: first.answers.length,
    bytesReceived: bytesOf(first),
  }
  let deploys = first.answers.length === 0
  for (; performance.now() < end; done.rounds++) {
    if (deploys) done.deploys++
    const ended = await once(arena, attack, { deploys })
    done.requests += ended.answers.length
    done.bytesReceived += bytesOf(ended)
    deploys = ended.answers.length === 0 || ended.outcomes.includes('loadShed')
  }
  return { ...first, ...done }
}

function bytesOf({ answers }: Ended): number {
  return answers.reduce((sum, { bytes }) => sum + bytes, 0)
}

async function once(arena: Arena, attack: Attack, { deploys }: { deploys: boolean }): Promise<Ended> {
  const began = performance.now()
  if (deploys) {
    const refused = await deploy(arena, attack)
    if (refused !== null) return { outcomes: [refused], answers: [], endMs: performance.now() - began }
  }
  const answers = await sendAttack(attack, { port: arena.platform.appsPort, neverMs: WALL_MS })
  const outcomes = await outcomesOf(arena, answers)
  return { outcomes, answers, endMs: Math.max(...answers.map(({ ms }) => ms)) }
}

const uploads = new Map<string, FormData>()

/** Built before it is measured: bundling is the deployer's work, and takes CPU time of the cores that all share. */
export async function build(attacks: readonly Attack[]): Promise<void> {
  for (const attack of attacks) uploads.set(attack.name, encodeUpload(await uploadOf(attack)))
}

/** Null, or as what the deploy was refused. */
async function deploy({ platform }: Arena, { name }: Attack): Promise<string | null> {
  const body = uploads.get(name)!
  const response = await fetch(new URL(`/api/v1/apps/${name}`, platform.controlUrl), { method: 'PUT', body })
  const { error } = (await response.json()) as { error?: { code: string } }
  if (response.ok) return null
  return error?.code === 'STARTUP_FAILED' ? 'startupError' : String(error?.code)
}

/** As the log has them; empty where it has none in time. */
async function outcomesOf(arena: Arena, answers: readonly AttackAnswer[]): Promise<string[]> {
  const deadline = performance.now() + FACTS_MS_MAX
  for (;;) {
    const lines = arena.log.records().filter(line => line.kind === 'request')
    const outcomes = new Map(lines.map(line => [line.requestId, String(line.outcome)]))
    const found = answers.map(({ requestId }) => outcomes.get(requestId) ?? '')
    if (!found.includes('') || performance.now() > deadline) return found
    await sleep(20)
  }
}

/** Within which time an attack that ends so must have ended: limits are of CPU time, while bodies travel none passes. */
function limitOf(outcome: string, { readMs, bodyBytes, expect }: Attack): number {
  const travels = bodyBytes > 0 || expect.includes('ok')
  switch (outcome) {
    case 'startupError':
      return OPTIONS.startupCpuMs.default
    case 'exceededCpu':
    case 'exceededMemory':
      return OPTIONS.cpuMs.default + (travels ? WALL_MS : 0)
    default:
      return WALL_MS + (Number.isFinite(readMs) ? readMs : 0) + (bodyBytes > 0 ? WALL_MS : 0)
  }
}

/** Memory beyond what there was before, once it has come back or had its time. */
export async function memoryReturns(
  arena: Arena,
  rssBefore: number,
  withinMs = RETURN_MS_MAX,
): Promise<number> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const kept = arena.rssBytes() - rssBefore
    if (kept <= KEPT_BYTES_MAX || performance.now() > deadline) return kept
    await sleep(100)
  }
}
