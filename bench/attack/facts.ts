/** Whether metrics and log tell what became of an attack. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack } from '../../test/support/attack.ts'
import type { LogRecord } from '../support/log-reader.ts'
import type { Arena } from './arena.ts'
import type { Ended } from './trial.ts'

/** How long metrics and log may lag. */
export const FACTS_MS_MAX = 3000

/** What metrics and log do not tell of the attack; null if they tell all. */
export async function missingFacts(arena: Arena, attack: Attack, ended: Ended): Promise<string | null> {
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
