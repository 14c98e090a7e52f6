/** Lines for the developer: console output and uncaught exceptions, within each request's limits. */
import { recordText, recordUint32 } from './outbox.ts'
import { arrayIndexOf, stringSlice } from './primordials.ts'
import { current, type RequestContext } from './request-context.ts'
import { type KernelLimits, LIMIT_NOTICES, type LOG_KINDS, RECORD, WIRE_LEVELS } from './wire.ts'

/** One line is cut at this length. */
const LINE_CHARS_MAX = 16_384

let limits: KernelLimits

export function limitLogging(kernelLimits: KernelLimits): void {
  limits = kernelLimits
}

export function log(level: (typeof WIRE_LEVELS)[number], message: string): void {
  write(current, level, 'console', message)
}

/** Tells the developer of an exception; fatal to nothing. */
export function logException(context: RequestContext, error: unknown): void {
  write(context, 'error', 'exception', describeError(error).stack)
}

/** What can be said of whatever was thrown. Guest code may run: a getter, prepareStackTrace. */
export function describeError(error: unknown): { message: string; stack: string } {
  let message = 'an exception that cannot be described'
  try {
    if (typeof error === 'object' && error !== null && 'message' in error) {
      const name = `${(error as Error).name ?? 'Error'}`
      message = `${name}: ${(error as Error).message}`
      const { stack } = error as Error
      if (typeof stack === 'string' && stack !== '') return { message: cut(message, 4096), stack: cut(stack) }
    } else {
      message = `Uncaught ${typeof error === 'string' ? JSON.stringify(error) : String(error)}`
    }
  } catch {}
  return { message: cut(message, 4096), stack: cut(message) }
}

function write(
  context: RequestContext,
  level: (typeof WIRE_LEVELS)[number],
  kind: (typeof LOG_KINDS)[number],
  message: string,
): void {
  if (context.logLines >= limits.logLinesPerRequest || context.logBytes >= limits.logBytesPerRequest) return
  const line = cut(message)
  context.logLines++
  context.logBytes += line.length
  if (context.logLines === limits.logLinesPerRequest || context.logBytes >= limits.logBytesPerRequest) {
    recordUint32(RECORD.limit, context.id, arrayIndexOf(LIMIT_NOTICES as unknown as unknown[], 'log_lines'))
  }
  const code = arrayIndexOf(WIRE_LEVELS as unknown as unknown[], level) | (kind === 'exception' ? 256 : 0)
  recordText(RECORD.log, context.id, code, line)
}

function cut(text: string, charsMax = LINE_CHARS_MAX): string {
  return text.length > charsMax ? `${stringSlice(text, 0, charsMax)}… (${text.length} characters)` : text
}
