/**
 * What apps log on its way to whoever watches, in order. The thread that carries everybody's requests spends a millisecond
 * of each turn of its event loop on it, and no more: a flood of lines waits, and nobody's request waits for them.
 */
import { type AppLogEvent, appLogChannel } from '../channels.ts'

const TURN_MS = 1
/** Characters of texts that may wait. For more the oldest lines are told at once: those who log have a rate. */
const CHARS_MAX = 8 * 2 ** 20
/** What a line takes besides its text. */
const LINE_CHARS = 256
/** So many lines that have been told are let go of together. */
const TOLD_MAX = 1024

export interface LogQueueOptions {
  publish: (event: AppLogEvent) => void
  /** Milliseconds that only rise. */
  now: () => number
}

export class LogQueue {
  readonly #options: LogQueueOptions
  readonly #waiting: AppLogEvent[] = []
  /** Index of the oldest that waits. */
  #next = 0
  #chars = 0
  /** Of this turn. */
  #spentMs = 0
  #isScheduled = false

  constructor(options: LogQueueOptions) {
    this.#options = options
  }

  /** Tells it now, if nothing waits and this turn has time left. */
  add(event: AppLogEvent): void {
    if (!this.#isScheduled) {
      this.#isScheduled = true
      setImmediate(this.#onTurn)
    }
    if (this.#next === this.#waiting.length && this.#spentMs < TURN_MS) return this.#tell(event)
    this.#waiting.push(event)
    this.#chars += charsOf(event)
    while (this.#chars > CHARS_MAX) this.#tellOldest()
  }

  /** Tells all that waits. */
  flush(): void {
    while (this.#next < this.#waiting.length) this.#tellOldest()
  }

  readonly #onTurn = (): void => {
    this.#spentMs = 0
    while (this.#next < this.#waiting.length && this.#spentMs < TURN_MS) this.#tellOldest()
    this.#isScheduled = this.#next < this.#waiting.length
    if (this.#isScheduled) setImmediate(this.#onTurn)
    else this.#spentMs = 0
  }

  #tellOldest(): void {
    const event = this.#waiting[this.#next++]!
    this.#chars -= charsOf(event)
    // A flood that never ends must not keep what has been told.
    if (this.#next === this.#waiting.length || this.#next === TOLD_MAX) {
      this.#waiting.splice(0, this.#next)
      this.#next = 0
    }
    this.#tell(event)
  }

  #tell(event: AppLogEvent): void {
    const { now, publish } = this.#options
    const began = now()
    publish(event)
    this.#spentMs += now() - began
  }
}

function charsOf({ message }: AppLogEvent): number {
  return LINE_CHARS + message.length
}

/** Of this event loop. */
export const appLogs = new LogQueue({
  publish: event => appLogChannel.publish(event),
  now: () => performance.now(),
})
