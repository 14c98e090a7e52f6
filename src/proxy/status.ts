/** How the platform answers a request for which there is no app's response. */
import type { Rejection } from '../channels.ts'
import type { Outcome } from '../outcome.ts'

export interface Answer {
  status: number
  /** Shown to the client where nothing more exact is known. */
  message: string
  /** What is known more exactly are the app's own words: for its developer, not for its clients. */
  isPrivate?: true
}

const ANSWERS = {
  ok: { status: 200, message: 'OK.' },
  exception: { status: 500, message: 'The app threw an exception.', isPrivate: true },
  exceededCpu: { status: 503, message: 'The app used more CPU time than it may.' },
  exceededMemory: { status: 503, message: 'The app used more memory than it may.' },
  exceededWallTime: { status: 504, message: 'The app did not answer in time.' },
  scriptNotFound: { status: 404, message: 'No app answers at this address.' },
  canceled: { status: 499, message: 'The client gave the request up.' },
  loadShed: { status: 503, message: 'Too many requests are waiting; try again soon.' },
  responseStreamDisconnected: { status: 502, message: 'The app’s response broke off.' },
  internalError: { status: 500, message: 'The platform could not serve the request.' },
  startupError: { status: 500, message: 'The app does not start.', isPrivate: true },
} satisfies Record<Outcome, Answer>

/** Where the reason says more than the outcome does. */
const REJECTION_ANSWERS = {
  app_queue_full: null,
  platform_queue_full: null,
  queue_deadline: null,
  body_too_large: { status: 413, message: 'The request’s body is too long.' },
  malformed: { status: 400, message: 'The request is malformed.' },
  stopping: { status: 503, message: 'The platform is stopping; try again soon.' },
  quarantined: { status: 503, message: 'The app is paused, for it brought a runtime down; try again later.' },
  store_unavailable: { status: 503, message: 'The platform’s store does not answer; try again soon.' },
} satisfies Record<Rejection, Answer | null>

export function answerTo(outcome: Outcome, rejection: Rejection | undefined): Answer {
  return (rejection && REJECTION_ANSWERS[rejection]) ?? ANSWERS[outcome]
}
