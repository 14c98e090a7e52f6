/**
 * How an event in an app can end, named as workerd names it.
 *
 * The one list from which metric labels, log fields, response headers and each layer's decisions derive.
 * A layer answers every outcome in one table (`satisfies Record<Outcome, …>`), so a new outcome does not
 * compile until all of them have decided.
 */
export const OUTCOMES = [
  'ok',
  'exception',
  'exceededCpu',
  'exceededMemory',
  'exceededWallTime',
  'scriptNotFound',
  'canceled',
  'loadShed',
  'responseStreamDisconnected',
  'internalError',
  'startupError',
] as const

export type Outcome = (typeof OUTCOMES)[number]

/** Why an instance (an isolate with an app in it) ended: the label of `vitrine_instance_terminations_total`. */
export const TERMINATIONS = [
  'idle',
  'evicted',
  'redeployed',
  'deleted',
  'shutdown',
  'exceededCpu',
  'exceededMemory',
  'protocolViolation',
  'startupError',
  'runtimeDied',
] as const

export type Termination = (typeof TERMINATIONS)[number]

/** What an outcome means for the isolate it happened in. A condemned isolate never serves again. */
export const DISPOSITION = {
  ok: 'reuse',
  exception: 'reuse',
  exceededCpu: 'condemn',
  exceededMemory: 'condemn',
  exceededWallTime: 'reuse',
  scriptNotFound: 'reuse',
  canceled: 'reuse',
  loadShed: 'reuse',
  responseStreamDisconnected: 'reuse',
  internalError: 'condemn',
  startupError: 'condemn',
} satisfies Record<Outcome, 'reuse' | 'condemn'>
