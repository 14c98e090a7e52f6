/**
 * What proxy and scheduler say to each other. The proxy makes an exchange and dispatches it; the scheduler sees
 * to it that exactly one answer comes, whatever happens to instances and runtimes meanwhile.
 */
import type { Rejection } from '../channels.ts'
import type { Exchange } from './exchange.ts'
import type { Instance } from './instance.ts'
import type { InstancePool } from './instance-pool.ts'

/** The scheduler, as the proxy sees it. Neither call throws or waits. */
export interface Dispatcher {
  /** Has the app that the exchange's host and path name answer it. */
  dispatch(exchange: DispatchedExchange): void
  /** Nobody wants the answer any more: the exchange hears nothing further. */
  cancel(exchange: DispatchedExchange): void
}

/** An exchange as the scheduler needs it. */
export interface DispatchedExchange extends Exchange {
  /** Lower case, without port. */
  readonly host: string
  /** The path by which routes are matched, without query. */
  readonly path: string
  /** Whether anything of the response has left. */
  readonly responded: boolean
  /** Whether everything that was sent of the request's body can be sent once more. */
  readonly bodyIntact: boolean
  readonly dispatch: Dispatch
  /** The head is on its way to an instance, `link` is set: `credit` bytes of the body may follow, from the first on. */
  onSent(credit: number): void
}

/**
 * - `new`: not dispatched yet
 * - `looking`: route or app are being read from the store
 * - `queued`: waits for an instance
 * - `sent`: an instance has it
 * - `over`: the scheduler has no part in it any more
 */
type DispatchState = 'new' | 'looking' | 'queued' | 'sent' | 'over'

/** The scheduler's notes on one exchange; the proxy reads them when it reports the request's end. */
export class Dispatch {
  readonly exchange: DispatchedExchange
  state: DispatchState = 'new'
  /** Empty where no app was found. */
  app = ''
  version = ''
  /** Since when it has waited for the store or an instance, on the scheduler's clock; 0: it does not. */
  queuedAt = 0
  /** How long it has waited so far. */
  queueMs = 0
  coldStart = false
  /** Times it went to another instance after its first was gone, and those of them after it had reached guest code. */
  retries = 0
  replays = 0
  /** Nobody waits for the answer any more. */
  cancelled = false
  rejection: Rejection | undefined = undefined
  /** What Retry-After should say; 0: nothing. */
  retryAfterSeconds = 0
  /** When the client last gave the app something to work on: from then on the wall limit counts. */
  inputAt = 0
  pool: InstancePool | null = null
  instance: Instance | null = null
  /** Index in the scheduler's list of exchanges. */
  slot = -1

  constructor(exchange: DispatchedExchange) {
    this.exchange = exchange
  }
}
