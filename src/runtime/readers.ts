/**
 * Readers of the frames that tell of a runtime and its instances: JSON, but for log lines, of which there may be many.
 * What they let through has the shape that its type says, whoever sent it; what they cannot read is a ProtocolError.
 */
import { LIMITS } from '../channels.ts'
import { TERMINATIONS } from '../outcome.ts'
import { LOG_KINDS, WIRE_LEVELS } from '../sandbox/wire.ts'
import type { EndReport, LogLine, Notice, RuntimeStats, StartResult } from './messages.ts'
import { LOG_FIXED_BYTES, LOG_LINE_BYTES_MAX, ProtocolError } from './protocol.ts'

const MESSAGE_CHARS_MAX = 16_384

export function readJson(payload: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload.utf8Slice(0, payload.length))
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
  } catch {}
  throw new ProtocolError('a frame that must be a JSON object is none')
}

function text(value: unknown, charsMax = MESSAGE_CHARS_MAX): string {
  return typeof value === 'string' ? value.slice(0, charsMax) : ''
}

function amount(value: unknown): number {
  return typeof value === 'number' && value >= 0 && value < 1e15 ? value : 0
}

function oneOf<T extends string>(list: readonly T[], value: unknown): T {
  if (!list.includes(value as T)) {
    const given = typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : `A ${typeof value}`
    throw new ProtocolError(`${given} is none of ${list.join(', ')}`)
  }
  return value as T
}

function objects(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'object' && item !== null) : []
}

export function readStartResult(payload: Buffer): StartResult {
  const value = readJson(payload)
  const phases = (value.phasesMs ?? {}) as Record<string, unknown>
  const phasesMs = {
    isolate: amount(phases.isolate),
    compile: amount(phases.compile),
    evaluate: amount(phases.evaluate),
  }
  if (value.outcome === 'ok') {
    const handlers = Array.isArray(value.handlers)
      ? value.handlers.slice(0, 32).map(name => text(name, 64))
      : []
    return { outcome: 'ok', phasesMs, handlers }
  }
  const outcome = oneOf(['startupError', 'exceededCpu', 'exceededMemory', 'internalError'], value.outcome)
  const result: StartResult = { outcome, phasesMs, message: text(value.message) }
  if (typeof value.stack === 'string') result.stack = text(value.stack)
  if (value.cpuMs !== undefined) result.cpuMs = amount(value.cpuMs)
  if (value.isEnding === true) result.isEnding = true
  return result
}

export function readEnded(payload: Buffer): EndReport {
  const value = readJson(payload)
  const end = (value.end ?? {}) as Record<string, unknown>
  return {
    end: {
      reason: oneOf(TERMINATIONS, end.reason),
      message: text(end.message),
      cpuMs: amount(end.cpuMs),
      heapBytes: amount(end.heapBytes),
      guiltyCpuMs: amount(end.guiltyCpuMs),
    },
    guilty: amount(value.guilty),
    untouched: Array.isArray(value.untouched) ? value.untouched.filter(id => typeof id === 'number') : [],
  }
}

/** The stream that a log line belongs to, 0 for none, and the line. */
export function readLogLine(payload: Buffer): { stream: number; line: LogLine } {
  const [level, kind] = [WIRE_LEVELS[payload[4] ?? -1], LOG_KINDS[payload[5] ?? -1]]
  if (payload.length < LOG_FIXED_BYTES || !level || !kind) throw new ProtocolError('malformed log line')
  const end = Math.min(payload.length, LOG_FIXED_BYTES + LOG_LINE_BYTES_MAX)
  const message = payload.utf8Slice(LOG_FIXED_BYTES, end)
  return {
    stream: payload.readUInt32LE(0),
    line: { level, kind, message, time: amount(payload.readDoubleLE(8)) },
  }
}

export function readNotice(payload: Buffer): Notice {
  const value = readJson(payload)
  switch (value.type) {
    case 'subrequest':
      return { type: 'subrequest', status: amount(value.status), durationMs: amount(value.durationMs) }
    default:
      return { type: 'limit', limit: oneOf(LIMITS, value.limit) }
  }
}

export function readStats(payload: Buffer): RuntimeStats {
  const value = readJson(payload)
  return {
    rssBytes: amount(value.rssBytes),
    prewarmed: amount(value.prewarmed),
    eventLoopLagMs: amount(value.eventLoopLagMs),
    instances: objects(value.instances).map(item => ({
      instance: amount(item.instance),
      heapBytes: amount(item.heapBytes),
      externalBytes: amount(item.externalBytes),
      cpuMs: amount(item.cpuMs),
      busy: Math.min(1, amount(item.busy)),
      servedMs: amount(item.servedMs),
      queued: amount(item.queued),
    })),
  }
}
