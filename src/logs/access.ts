/**
 * Access lines: one for each request that failed, and for a sample of those that did not. Without the query,
 * which holds secrets, unless asked for.
 */
import { type LogLevel, type RequestEvent, requestChannel } from '../channels.ts'
import type { Config } from '../config.ts'
import type { Outcome } from '../outcome.ts'
import { cut, number, opening, quote } from './line.ts'

/** How bad an outcome is for the operator. What is worse than `info` is logged whatever the sample. */
const OUTCOME_LEVEL = {
  ok: 'info',
  exception: 'error',
  exceededCpu: 'error',
  exceededMemory: 'error',
  exceededWallTime: 'error',
  scriptNotFound: 'info',
  canceled: 'info',
  loadShed: 'warn',
  responseStreamDisconnected: 'info',
  internalError: 'error',
  startupError: 'error',
} satisfies Record<Outcome, LogLevel>

/** Longer hosts and paths are cut off: they are the client's to choose. */
const TARGET_CHARS_MAX = 2048

export type AccessOptions = Pick<Config, 'accessLogSample' | 'accessLogQuery'>

/** Subscribes; the result unsubscribes. `shown` says which levels are. `random` is injected for tests. */
export function logAccess(
  write: (line: string) => void,
  shown: (level: LogLevel) => boolean,
  { accessLogSample, accessLogQuery }: AccessOptions,
  random: () => number = Math.random,
): () => void {
  const onRequest = (event: RequestEvent) => {
    const failed = event.status >= 500 && event.outcome === 'ok'
    const level = failed ? 'warn' : OUTCOME_LEVEL[event.outcome]
    if (!shown(level)) return
    if (level === 'info' && accessLogSample < 1 && random() >= accessLogSample) return
    write(accessLine(level, event, accessLogQuery))
  }
  requestChannel.subscribe(onRequest)
  return () => requestChannel.unsubscribe(onRequest)
}

function accessLine(level: LogLevel, event: RequestEvent, withQuery: boolean): string {
  const query = withQuery ? -1 : event.url.indexOf('?')
  const path = query < 0 ? event.url : event.url.slice(0, query)
  let line = opening(level, event.startedAt + event.durationMs) + whatOf(event, path) + quote(event.requestId)
  line += `,"durationMs":${number(event.durationMs)},"cpuMs":${number(event.cpuMs)}`
  if (event.traceId !== '') line += `,"traceId":"${event.traceId}"`
  if (event.coldStart) line += ',"coldStart":true'
  if (event.retries > 0) line += `,"retries":${event.retries}`
  return `${line},"bytesIn":${event.bytesIn},"bytes":${event.bytesOut},"clientIp":${quote(event.clientIp)}}\n`
}

/** What was asked for and how it ended, as it was last: much asks for the same again. */
let last = {
  app: '',
  version: '',
  outcome: '',
  status: 0,
  rejection: '',
  method: '',
  host: '',
  path: '',
  text: '',
}

function whatOf(event: RequestEvent, path: string): string {
  const { app, version, outcome, status, rejection = '', method, host } = event
  const isSame =
    last.path === path &&
    last.host === host &&
    last.method === method &&
    last.status === status &&
    last.outcome === outcome &&
    last.rejection === rejection &&
    last.app === app &&
    last.version === version
  if (isSame) return last.text
  let text = ',"kind":"request"'
  if (app !== '') text += `,"app":${quote(app)},"version":${quote(version)}`
  text += `,"outcome":"${outcome}","status":${status}`
  if (rejection !== '') text += `,"rejection":"${rejection}"`
  text += `,"method":${quote(cut(method, 32))},"host":${quote(cut(host, TARGET_CHARS_MAX))}`
  text += `,"path":${quote(cut(path, TARGET_CHARS_MAX))},"requestId":`
  // In one piece: one of many would be put together anew for each line.
  text = Buffer.from(text).toString()
  last = { app, version, outcome, status, rejection, method, host, path, text }
  return text
}
