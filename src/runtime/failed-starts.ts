/** Starts that came to nothing for reasons that lie outside of the app's own code. */
import type { InstanceEnd, StartResult } from './messages.ts'

const NO_PHASES = { isolate: 0, compile: 0, evaluate: 0 }

export function lostStart(): StartResult {
  const message = 'The runtime process went away while the app started.'
  return { outcome: 'internalError', phasesMs: NO_PHASES, message }
}

export function tooLong(app: string): StartResult {
  const message = `The variables of ${app} are too long: they may have 1 MiB as JSON.`
  return { outcome: 'startupError', phasesMs: NO_PHASES, message }
}

/** A start that ended its instance. */
export function endedStart({ reason, message, cpuMs }: InstanceEnd): StartResult {
  const outcome = reason === 'exceededCpu' || reason === 'exceededMemory' ? reason : 'internalError'
  return { outcome, phasesMs: NO_PHASES, message, cpuMs }
}
