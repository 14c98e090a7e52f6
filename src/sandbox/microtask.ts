/**
 * queueMicrotask and reportError.
 */
import { host } from './current-host.ts'
import { apply, promiseResolve, promiseThen } from './primordials.ts'
import { callbackFunction, requireArguments } from './webidl.ts'

const resolved = promiseResolve(undefined)

export function queueMicrotask(callback: () => void): void {
  const context = "Failed to execute 'queueMicrotask'"
  requireArguments(arguments.length, 1, context)
  const task = callbackFunction(callback, `${context}: parameter 1`)
  promiseThen(resolved, () => {
    try {
      apply(task, undefined, [])
    } catch (error) {
      host.reportException(error)
    }
  })
}

export function reportError(error: unknown): void {
  requireArguments(arguments.length, 1, "Failed to execute 'reportError'")
  host.reportException(error)
}
