/** What the platform does: deploys, evictions, kills, restarts, the store's failures. Rare enough for pino. */
import type { Logger } from 'pino'
import {
  type ColdStartEvent,
  coldStartChannel,
  type DeployEvent,
  deployChannel,
  evictionChannel,
  type InstanceEndEvent,
  type InstanceStuckEvent,
  instanceEndChannel,
  instanceStuckChannel,
  type LogLevel,
  type QuarantineEvent,
  quarantineChannel,
  type RuntimeRestartEvent,
  retryChannel,
  runtimeRestartChannel,
  storeChannel,
} from '../channels.ts'
import type { Termination } from '../outcome.ts'
import { cut } from './line.ts'

/** Ends that somebody must learn of, and those of every day. */
const TERMINATION_LEVEL = {
  idle: 'debug',
  evicted: 'debug',
  redeployed: 'debug',
  deleted: 'debug',
  shutdown: 'debug',
  exceededCpu: 'warn',
  exceededMemory: 'warn',
  protocolViolation: 'error',
  startupError: 'warn',
  runtimeDied: 'warn',
} satisfies Record<Termination, LogLevel>

/** Subscribes; the result unsubscribes. `charsMax` bounds each text that an app had a hand in. */
export function logPlatform(logger: Logger, charsMax: number): () => void {
  const onDeploy = ({ result, action, durationMs, ...deploy }: DeployEvent) => {
    const record = { ...deploy, durationMs: Math.round(durationMs), result }
    logger[result === 'ok' ? 'info' : 'warn'](record, `${action} of ${deploy.app}: ${result}`)
  }

  const onInstanceEnd = ({ lastLines, message: detail, ...end }: InstanceEndEvent) => {
    const level = TERMINATION_LEVEL[end.reason]
    // Last lines are for the record of a kill; an app that went idle has said them already.
    const more = { detail: cut(detail, charsMax), lastLines: lastLines.map(line => cut(line, charsMax)) }
    const record = level === 'debug' ? end : { ...end, ...more }
    logger[level](record, `an instance of ${end.app} ended: ${end.reason}`)
  }

  const onInstanceStuck = (stuck: InstanceStuckEvent) =>
    logger.warn(stuck, `an instance of ${stuck.app} does not end: its neighbours go elsewhere`)

  const onColdStart = ({ outcome, ...start }: ColdStartEvent) => {
    const text = `an instance of ${start.app} ${outcome === 'ok' ? 'started' : `did not start: ${outcome}`}`
    logger[outcome === 'ok' ? 'debug' : 'warn']({ ...start, outcome }, text)
  }

  const onRestart = ({ detail, ...restart }: RuntimeRestartEvent) => {
    const record = { ...restart, detail: cut(detail, charsMax) }
    const level = restart.reason === 'renewal' ? 'info' : 'error'
    logger[level](record, `runtime ${restart.runtime} is replaced: ${restart.reason}`)
  }

  const onQuarantine = (event: QuarantineEvent) => {
    const { app, change } = event
    if (change === 'released') {
      const apart = event.isKeptApart ? ', but kept apart for now' : ''
      return logger.info(event, `${app} is out of quarantine: ${event.reason}${apart}`)
    }
    if (change === 'suspected')
      return logger.warn(event, `${app} may have brought a runtime down, and is kept apart`)
    return logger.error(event, `${app} brought a runtime down, and is quarantined`)
  }

  // A store that is away fails twice a second: its going and coming is what counts.
  let storeAnswers = true
  const onStore = ({ operation, result }: { operation: string; result: 'ok' | 'error' }) => {
    if ((result === 'ok') === storeAnswers) return
    storeAnswers = !storeAnswers
    if (storeAnswers) logger.info({ operation }, 'the store answers again')
    else logger.error({ operation }, `the store fails: ${operation}`)
  }

  const onEviction: Parameters<typeof evictionChannel.subscribe>[0] = ({ app, reason }) =>
    logger[reason === 'evict' ? 'info' : 'debug']({ app, reason }, `${app} left the cache of loaded apps`)
  const onRetry: Parameters<typeof retryChannel.subscribe>[0] = retry =>
    logger.debug(retry, `a request of ${retry.app} is sent again`)

  deployChannel.subscribe(onDeploy)
  instanceEndChannel.subscribe(onInstanceEnd)
  instanceStuckChannel.subscribe(onInstanceStuck)
  coldStartChannel.subscribe(onColdStart)
  runtimeRestartChannel.subscribe(onRestart)
  quarantineChannel.subscribe(onQuarantine)
  storeChannel.subscribe(onStore)
  evictionChannel.subscribe(onEviction)
  retryChannel.subscribe(onRetry)
  return () => {
    deployChannel.unsubscribe(onDeploy)
    instanceEndChannel.unsubscribe(onInstanceEnd)
    instanceStuckChannel.unsubscribe(onInstanceStuck)
    coldStartChannel.unsubscribe(onColdStart)
    runtimeRestartChannel.unsubscribe(onRestart)
    quarantineChannel.unsubscribe(onQuarantine)
    storeChannel.unsubscribe(onStore)
    evictionChannel.unsubscribe(onEviction)
    retryChannel.unsubscribe(onRetry)
  }
}
