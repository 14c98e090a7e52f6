/** One attack, or several at once, beside the victim: what came of it, and what is wrong with that. */
import { setTimeout as sleep } from 'node:timers/promises'
import { buildApp } from '../../src/build/build.ts'
import { encodeUpload } from '../../src/build/upload.ts'
import { OPTIONS } from '../../src/config.ts'
import { type Attack, type AttackAnswer, judge, sendAttack } from '../../test/support/attack.ts'
import type { LogRecord } from '../support/log-reader.ts'
import { type Arena, type Measured, WALL_MS } from './arena.ts'

/** An attack ends this long after its limit, at the latest. */
const LATE_MS_MAX = 500
/** How much worse the victim's p99 may be than beside a well-behaved app. */
export const RATIO_MAX = 2
/** Memory that a process keeps for itself after hard work: V8's heaps and malloc's arenas give it back by and by. */
const KEPT_BYTES_MAX = 256 * 2 ** 20
const RETURN_MS_MAX = 3000
const FACTS_MS_MAX = 3000
/** An attack of so many clients at once, or so short, costs the platform less by its app than by its requests. */
const FLOOD = 500
const SHORT_MS = 100

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
interface Ended {
  outcomes: string[]
  answers: AttackAnswer[]
  endMs: number
}

interface Repeated extends Ended {
  /** How often it was repeated, the first round included. */
  rounds: number
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
    ratio:
      measured.victim.p99Ms /
      (await fairP99Ms(arena, attack, { ...measured, ...measured.value, ...options })),
    rssPeakBytes: measured.rssPeakBytes,
    keptBytes,
    problems: problems.filter(problem => problem !== null),
  }
  judgeVictim(row)
  arena.log.empty()
  return row
}

/**
 * The victim's p99 beside a well-behaved app that uses as much CPU time; for a flood of clients and for short requests
 * beside one that is asked as often: to take requests costs the platform the same, whatever the app then does.
 */
async function fairP99Ms(
  arena: Arena,
  attack: Attack,
  {
    cpuCores,
    rounds,
    endMs,
    fairP99Ms,
    ms,
  }: TrialOptions & { cpuCores: number; rounds: number; endMs: number },
): Promise<number> {
  const fair = await fairP99Ms(cpuCores)
  if (attack.atOnce < FLOOD && endMs > SHORT_MS) return fair
  const calm: Attack = { ...attack, name: 'calm', status: null, readMs: Infinity }
  await arena.platform.upload(calm.name, `export default { fetch() { return new Response('answered') } }`)
  const options = { port: arena.platform.appsPort, neverMs: WALL_MS }
  const act = async () => {
    const began = performance.now()
    for (let round = 0; round < rounds; round++) {
      await sendAttack(calm, options)
      await sleep(Math.max(0, began + ((round + 1) * ms) / rounds - performance.now()))
    }
  }
  const { victim } = await arena.measure(act, ms)
  await arena.delete(calm.name)
  return Math.max(fair, victim.p99Ms)
}

/** Several attacks at once: what counts is the victim. */
export async function tryTogether(
  arena: Arena,
  attacks: readonly Attack[],
  { fairP99Ms, ms }: TrialOptions,
): Promise<Row> {
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
    ratio: measured.victim.p99Ms / (await fairP99Ms(measured.cpuCores)),
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
  let deploys = first.answers.length === 0
  let rounds = 1
  for (; performance.now() < end; rounds++) {
    const { outcomes, answers } = await once(arena, attack, { deploys })
    deploys = answers.length === 0 || outcomes.includes('loadShed')
  }
  return { ...first, rounds }
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

/** Null, or as what the deploy was refused. */
async function deploy({ platform }: Arena, { name, file }: Attack): Promise<string | null> {
  const { upload } = await buildApp({ path: file, bundleBytesMax: OPTIONS.bundleBytesMax.default })
  const body = encodeUpload({ ...upload, name })
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

/** What metrics and log do not tell of the attack; null if they tell all. They may lag a little. */
async function missingFacts(arena: Arena, attack: Attack, ended: Ended): Promise<string | null> {
  const deadline = performance.now() + FACTS_MS_MAX
  for (;;) {
    const missing = (await missingMetric(arena, attack, ended)) ?? missingRecord(arena, attack, ended)
    if (missing === null || performance.now() > deadline) return missing
    await sleep(50)
  }
}

/** Outcomes that end the instance, and the reasons that its end may have. */
const TERMINATIONS: Record<string, RegExp> = {
  exceededCpu: /^(?:exceededCpu|exceededMemory|runtimeDied)$/,
  exceededMemory: /^(?:exceededMemory|exceededCpu|runtimeDied)$/,
  internalError: /^(?:protocolViolation|runtimeDied)$/,
}

async function missingMetric({ platform }: Arena, { name }: Attack, ended: Ended): Promise<string | null> {
  const text = await (await fetch(platform.metricsUrl)).text()
  const counted = (family: string, labels: RegExp) =>
    text.split('\n').some(line => line.startsWith(`${family}{`) && labels.test(line) && !line.endsWith(' 0'))
  if (ended.answers.length === 0) {
    const found = counted('vitrine_deploys_total', /result="startup_failed"/)
    return found ? null : 'no deploy is counted as startup_failed'
  }
  for (const outcome of new Set(ended.outcomes)) {
    const labels = new RegExp(`app="${name}".*outcome="${outcome}"`)
    if (!counted('vitrine_requests_total', labels)) return `no request is counted as ${outcome}`
    const reasons = TERMINATIONS[outcome]?.source.slice(1, -1)
    const ends = new RegExp(`app="${name}".*reason="${reasons}"`)
    if (reasons && !counted('vitrine_instance_terminations_total', ends)) {
      return `no end of an instance is counted for ${outcome}`
    }
  }
  return null
}

function missingRecord(arena: Arena, { name }: Attack, ended: Ended): string | null {
  const lines = arena.log.records().filter(line => line.app === name)
  if (ended.answers.length === 0) {
    const found = lines.some(line => line.result === 'startup_failed')
    return found ? null : 'the log has no record of the deploy'
  }
  const ids = new Set<unknown>(ended.answers.map(({ requestId }) => requestId))
  const requests = lines.filter(line => line.kind === 'request' && ids.has(line.requestId))
  if (!requests.every(line => line.version && typeof line.cpuMs === 'number')) {
    return 'the log does not say of which version a request was, or what it used'
  }
  for (const outcome of ended.outcomes) {
    const reasons = TERMINATIONS[outcome]
    const tells = (line: LogRecord) =>
      reasons!.test(String(line.reason)) &&
      Array.isArray(line.lastLines) &&
      line.version &&
      typeof line.cpuMs === 'number' &&
      typeof line.heapBytes === 'number'
    if (reasons && !lines.some(tells)) return `the log has no record of an instance that ended for ${outcome}`
  }
  return null
}

/** Memory beyond what there was before, once it has come back or had its time. */
async function memoryReturns(arena: Arena, rssBefore: number): Promise<number> {
  const deadline = performance.now() + RETURN_MS_MAX
  for (;;) {
    const kept = arena.rssBytes() - rssBefore
    if (kept <= KEPT_BYTES_MAX || performance.now() > deadline) return kept
    await sleep(100)
  }
}
