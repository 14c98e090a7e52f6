/** Log lines for a person at a terminal: pino-pretty, loaded only then, and nothing that a terminal would obey. */
import { createRequire } from 'node:module'
import type PinoPretty from 'pino-pretty'

/** An escape in JSON text: of a backslash, which stays, or of a control character that moves the cursor. */
const ESCAPE = /\\(\\|u00[0-9a-f]{2}|[bfr])/g

/** Makes the function that turns a JSON line into lines for a terminal. */
export function terminalFormat(): (line: string) => string {
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof PinoPretty
  const common = { colorize: true, messageKey: 'message', translateTime: 'SYS:HH:MM:ss.l' }
  const platform = prettyFactory({ ...common, singleLine: true })
  const apps = prettyFactory({ ...common, hideObject: true, messageFormat: appMessage })
  return line => {
    const harmless = line.replace(ESCAPE, (text, kind) => (kind === '\\' ? text : `\\${text}`))
    return harmless.includes(',"kind":"') ? apps(harmless) : platform(harmless)
  }
}

/** A request's line, or what an app says with its name before it. */
function appMessage(log: Record<string, unknown>, messageKey: string): string {
  if (log.kind !== 'request') return `${log.app}: ${log[messageKey]}`
  return `${log.method} ${log.host}${log.path} ${log.status} ${log.outcome} ${log.durationMs} ms`
}
