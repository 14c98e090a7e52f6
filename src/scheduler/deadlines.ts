/** How long an exchange may wait for an instance, and its client for a response. */
import { limitChannel } from '../channels.ts'
import type { Config } from '../config.ts'
import type { DenseSet } from './dense-set.ts'
import type { Dispatch, DispatchedExchange } from './dispatch.ts'
import type { Failure } from './failure.ts'

/** The scheduler, as far as deadlines concern it. */
export interface DeadlineHost {
  readonly config: Pick<Config, 'queueMs' | 'wallMs'>
  now(): number
  release(exchange: DispatchedExchange): void
  fail(exchange: DispatchedExchange, failure: Failure): void
}

/** Looks at all exchanges under way, and ends what is past its deadline. */
export function enforceDeadlines(host: DeadlineHost, exchanges: DenseSet<Dispatch>): void {
  const now = host.now()
  const { queueMs, wallMs } = host.config
  exchanges.sweep(dispatch => {
    const { exchange, state, pool, queuedAt } = dispatch
    const isLate = queuedAt !== 0 && now - queuedAt > queueMs
    if (state === 'sent') {
      // The response was over when its instance went: nobody else tells.
      if (dispatch.instance?.state === 'ended') host.release(exchange)
      else if (!exchange.link || exchange.responded) return
      else if (isLate) giveUpStart(exchange)
      else if (queuedAt === 0 && now - dispatch.inputAt > wallMs) exceedWall(exchange)
    } else if (isLate) {
      pool?.unqueue(exchange)
      host.fail(exchange, { outcome: 'loadShed', rejection: 'queue_deadline' })
    }
  })
}

/** It was sent ahead to an instance that has not started yet. */
function giveUpStart(exchange: DispatchedExchange): void {
  exchange.link?.client.abort(exchange)
  exchange.dispatch.rejection = 'queue_deadline'
  exchange.dispatch.retryAfterSeconds = 1
  exchange.onFail('loadShed', '')
}

function exceedWall(exchange: DispatchedExchange): void {
  exchange.link?.client.abort(exchange)
  limitChannel.publish({ app: exchange.dispatch.app, limit: 'wall' })
  exchange.onFail('exceededWallTime', '')
}
