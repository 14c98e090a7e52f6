/** setTimeout and its kin, as guests see them. */
import { host } from './current-host.ts'
import { apply } from './primordials.ts'
import { requireRequest } from './request-context.ts'
import { startTimer, stopTimer } from './timers.ts'

type Callback = (...args: unknown[]) => unknown

function callbackOf(name: string, callback: unknown, args: unknown[]): () => void {
  if (typeof callback !== 'function') throw new TypeError(`${name}() needs a function as its first argument.`)
  return () => {
    try {
      apply(callback as Callback as never, globalThis as never, args as never)
    } catch (error) {
      host.reportException(error)
    }
  }
}

/** Runs `callback` once after `delayMs`, as long as its request lasts. */
export function setTimeout(callback: unknown, delayMs: unknown = 0, ...args: unknown[]): number {
  return startTimer(callbackOf('setTimeout', callback, args), Number(delayMs), false)
}

/** Runs `callback` every `delayMs`, at least 1 ms, as long as its request lasts. */
export function setInterval(callback: unknown, delayMs: unknown = 0, ...args: unknown[]): number {
  return startTimer(callbackOf('setInterval', callback, args), Number(delayMs), true)
}

export function setImmediate(callback: unknown, ...args: unknown[]): number {
  return startTimer(callbackOf('setImmediate', callback, args), 0, false)
}

export function clearTimeout(id: unknown = undefined): void {
  if (id !== undefined) stopTimer(Number(id))
}

export function clearInterval(id: unknown = undefined): void {
  clearTimeout(id)
}

/** Cloudflare's `scheduler.wait(ms)`: a promise for a time. */
export const scheduler = {
  wait(delayMs: unknown): Promise<void> {
    requireRequest('scheduler.wait()')
    return new Promise(resolve => {
      startTimer(resolve, Number(delayMs), false)
    })
  },
}
