/** What apps say: their console lines and uncaught exceptions, each with app, version and request. */
import { type AppLogEvent, appLogChannel, type LogLevel } from '../channels.ts'
import { cut, opening, quote } from './line.ts'

/** Subscribes; the result unsubscribes. `shown` says which levels are. */
export function logConsole(
  write: (line: string) => void,
  shown: (level: LogLevel) => boolean,
  charsMax: number,
): () => void {
  const onLine = ({ app, version, requestId, traceId, level, kind, message, time }: AppLogEvent) => {
    if (!shown(level)) return
    const request = requestId === '' ? '' : `,"requestId":${quote(requestId)}`
    const trace = traceId === '' ? '' : `,"traceId":"${traceId}"`
    write(
      `${opening(level, time)},"kind":"${kind}","app":${quote(app)},"version":${quote(version)}${request}${trace}` +
        `,"message":${quote(cut(message, charsMax))}}\n`,
    )
  }
  appLogChannel.subscribe(onLine)
  return () => appLogChannel.unsubscribe(onLine)
}
