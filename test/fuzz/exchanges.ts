/** What both ends of a runtime's connection are tried with. */

import type { InstanceSpec } from '../../src/runtime/messages.ts'
import type { FailedExchanges } from '../../src/runtime/runtime-events.ts'
import type { Exchange } from '../../src/scheduler/exchange.ts'
import { LIMITS, TestExchange } from '../support/runtime.ts'

/** An exchange that counts how often it is answered. */
export class CountingExchange extends TestExchange {
  heads = 0
  ends = 0

  override onHead(...args: Parameters<TestExchange['onHead']>): void {
    this.heads++
    super.onHead(...args)
  }

  override onEnd(cpuMs: number): void {
    this.ends++
    super.onEnd(cpuMs)
  }

  override onFail(...args: Parameters<TestExchange['onFail']>): void {
    this.ends++
    super.onFail(...args)
  }
}

/** As a scheduler that replays nothing. */
export function failAll({
  guilty,
  entered,
  untouched,
}: FailedExchanges & { guilty?: Exchange | null }): void {
  guilty?.onFail('exceededCpu', '')
  for (const exchange of [...entered, ...untouched]) exchange.onFail('internalError', '')
}

export const SPEC: InstanceSpec = {
  app: 'a',
  version: 'v',
  main: 'index.js',
  syntax: 'module',
  compatibilityFlags: [],
  vars: {},
  limits: LIMITS,
  bundleHash: '',
  bundleBytes: 1,
}
