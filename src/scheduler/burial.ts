/** What a runtime's death means for those who had instances there: who is to blame, and how each instance has ended. */
import type { Termination } from '../outcome.ts'
import type { FailedExchanges } from '../runtime/client.ts'
import type { InstanceEnd } from '../runtime/messages.ts'
import { judge, NOBODY, type Verdict } from './blame.ts'
import type { Cause } from './cause.ts'
import type { Exchange } from './exchange.ts'
import type { Instance } from './instance.ts'

/** What an instance had to do when its connection closed. */
export type Lost = FailedExchanges & { instance: number }
export type Failed = FailedExchanges & { guilty: Exchange | null; suspect: boolean }

export interface BurialOptions {
  death: Cause
  instances: readonly Instance[]
  lost: readonly Lost[]
  /** What the process held at last. */
  rssBytes: number
  /** No other app has been in the process. */
  isSolitary: boolean
  /** The app that is known to have done it, and has been told of. */
  culprit: string | null
  /** The platform stops: nobody is to blame. */
  shuttingDown: boolean
}

export interface Burial {
  verdict: Verdict
  ends: { instance: Instance; end: InstanceEnd; failed: Failed }[]
  /** Apps that had instances there, those to blame first. */
  apps: string[]
}

export function bury({ death, instances, lost, culprit, shuttingDown, ...process }: BurialOptions): Burial {
  const tenants = instances.map(instance => ({
    app: instance.owner.name,
    starting: !instance.started,
    inFlight: instance.inFlight,
    busy: instance.busy,
    memoryBytes: instance.memoryBytes,
    isOvergrown: instance.isOvergrown,
  }))
  const judged = () => (shuttingDown ? NOBODY : judge({ ...death, ...process, tenants }))
  const verdict = culprit === null ? judged() : { apps: new Set([culprit]), isProven: true }
  // Suspects are mostly innocent: their requests may go on elsewhere, as often as any may.
  const proven = verdict.isProven ? [...verdict.apps][0] : undefined
  const lostBy = new Map(lost.map(one => [one.instance, one]))
  const ends = instances.map(instance => {
    const { entered: all = [], untouched = [] } = lostBy.get(instance.id) ?? {}
    const suspect = instance.owner.name === proven
    // The only request of the app that did it is to blame.
    const [guilty = null] = suspect && all.length === 1 ? all : []
    const entered = guilty ? [] : all
    const reason = shuttingDown ? 'shutdown' : terminationOf(death, suspect)
    const end = {
      reason,
      message: reason === 'runtimeDied' ? death.detail : '',
      cpuMs: instance.cpuMsTold,
      heapBytes: instance.heapBytes,
      guiltyCpuMs: 0,
    }
    return { instance, end, failed: { guilty, entered, untouched, suspect } }
  })
  return { verdict, ends, apps: [...new Set([...verdict.apps, ...tenants.map(({ app }) => app)])] }
}

function terminationOf({ reason }: Cause, isCulprit: boolean): Termination {
  return isCulprit && reason === 'rss' ? 'exceededMemory' : 'runtimeDied'
}
