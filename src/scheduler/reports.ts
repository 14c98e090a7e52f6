/** What runtimes tell about instances, published for whoever watches. */
import {
  type AppLogEvent,
  cpuChannel,
  instanceEndChannel,
  instanceStuckChannel,
  limitChannel,
  subrequestChannel,
} from '../channels.ts'
import type { InstanceEnd, InstanceStats, LogLine, Notice } from '../runtime/messages.ts'
import { holdsStack } from '../source-map.ts'
import type { Exchange } from './exchange.ts'
import type { Instance } from './instance.ts'
import { appLogs } from './log-queue.ts'

export function reportStats(instance: Instance, stats: InstanceStats | null): void {
  instance.update(stats)
  if (stats && stats.cpuMs > 0) cpuChannel.publish({ app: instance.owner.name, cpuMs: stats.cpuMs })
}

/** `exchange`: what caused it, if it is known and still there. */
export function reportLog(instance: Instance, line: LogLine, exchange: Exchange | null): void {
  const { name: app, version } = instance.owner
  const { level, kind, message, time } = line
  instance.remember(message)
  const { requestId, traceId } = exchange ?? { requestId: '', traceId: '' }
  const event = { app, version, requestId, traceId, level, kind, message, time }
  addShown(event, kind === 'exception' || holdsStack(message) ? instance.owner.shownStack(message) : null)
}

/** Of a start that has failed. `shown`: its stack as it is to be told; null: as it is. */
export function reportException({
  app,
  version,
  stack: message,
  shown,
}: {
  app: string
  version: string
  stack: string
  shown: Promise<string> | null
}): void {
  const time = Date.now()
  addShown(
    { app, version, requestId: '', traceId: '', level: 'error', kind: 'exception', message, time },
    shown,
  )
}

function addShown(event: AppLogEvent, shown: Promise<string> | null): void {
  if (shown === null) appLogs.add(event)
  else void shown.then(message => appLogs.add({ ...event, message }))
}

export function reportNotice(instance: Instance, notice: Notice): void {
  const { name: app } = instance.owner
  switch (notice.type) {
    case 'subrequest':
      return subrequestChannel.publish({ app, status: notice.status, durationMs: notice.durationMs })
    case 'limit':
      return limitChannel.publish({ app, limit: notice.limit })
  }
}

export function reportStuck({ id, owner, runtime }: Instance): void {
  const { name: app, version } = owner
  instanceStuckChannel.publish({ app, version, instance: id, runtime: runtime.id })
}

/** `requestId`: of the request that is to blame. */
export function reportEnd(instance: Instance, end: InstanceEnd, requestId?: string): void {
  const { name: app, version } = instance.owner
  // What it used since the last heartbeat would otherwise be lost.
  const untold = end.cpuMs - instance.cpuMsTold
  if (untold > 0) cpuChannel.publish({ app, cpuMs: untold })
  if (!instanceEndChannel.hasSubscribers) return
  instanceEndChannel.publish({
    app,
    version,
    instance: instance.id,
    runtime: instance.runtime.id,
    reason: end.reason,
    message: end.message,
    cpuMs: end.cpuMs,
    guiltyCpuMs: end.guiltyCpuMs,
    heapBytes: end.heapBytes,
    externalBytes: instance.externalBytes,
    lastLines: instance.lastLines,
    ...(requestId !== undefined && { requestId }),
  })
}
