/**
 * Logs, from outside: subscribes to what the platform publishes and writes JSON lines to stdout; on a terminal,
 * lines for people. The data path knows nothing of it.
 */
import { isatty } from 'node:tty'
import pino, { type Logger } from 'pino'
import { LOG_LEVELS, type LogLevel } from '../channels.ts'
import type { Config } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { type AccessOptions, logAccess } from './access.ts'
import { logConsole } from './console.ts'
import { LogOutput } from './output.ts'
import { logPlatform } from './platform.ts'
import { terminalFormat } from './terminal.ts'

export type LogConfig = Pick<Config, 'logLevel' | 'logTextCharsMax' | 'logBufferBytesMax'> & AccessOptions

/** For main.ts, which says things that no channel does: that it starts, that it stops. */
export interface PlatformLog extends AsyncDisposable {
  readonly logger: Logger
}

export interface LogOptions {
  /** Where to write. Default 1, stdout. */
  fd?: number
  /** Whether a person reads along. Default: whether `fd` is a terminal. */
  terminal?: boolean
}

/**
 * Starts logging. Throws `CONFIG_INVALID` if there is no such level.
 *
 * Disposing writes what still waits, for at most two seconds.
 */
export function createLogger(
  config: LogConfig,
  { fd = 1, terminal = isatty(fd) }: LogOptions = {},
): PlatformLog {
  const least = LOG_LEVELS.indexOf(config.logLevel as LogLevel)
  if (least < 0) {
    const known = LOG_LEVELS.join(', ')
    throw new VitrineError('CONFIG_INVALID', `--log-level must be one of ${known}, not "${config.logLevel}"`)
  }
  const shown = (level: LogLevel) => LOG_LEVELS.indexOf(level) >= least

  const output = LogOutput.open({
    fd,
    bufferBytesMax: config.logBufferBytesMax,
    ...(terminal && { format: terminalFormat() }),
  })
  const logger = pino(
    {
      level: config.logLevel,
      base: null,
      messageKey: 'message',
      formatters: { level: label => ({ level: label }) },
      redact: ['token', '*.token', '*.authorization', '*.cookie'],
    },
    output,
  )
  const write = (line: string) => output.write(line)
  const unsubscribe = [
    logAccess(write, shown, config),
    logConsole(write, shown, config.logTextCharsMax),
    logPlatform(logger, config.logTextCharsMax),
  ]
  return {
    logger,
    [Symbol.asyncDispose]: async () => {
      for (const end of unsubscribe) end()
      await output[Symbol.asyncDispose]()
    },
  }
}
