/** Events that wait to enter an isolate, and how they are laid out in its shared memory when they do. */
import { EVENT, EVENT_INTS, EVENTS_MAX, REQUEST_NEXT_TEXT, TEXT_CHARS_MAX } from '../sandbox/wire.ts'
import type { Transferable } from './isolate.ts'

/** Events that may wait: requests are bounded by the scheduler, what an app asks for by its other limits. */
const QUEUE_MAX = 100_000

interface QueuedEvent {
  type: number
  id: number
  a: number
  head: string
  extra: Transferable
}

export class EventQueue {
  readonly #events: QueuedEvent[] = []

  get length(): number {
    return this.#events.length
  }

  get isFull(): boolean {
    return this.#events.length >= QUEUE_MAX
  }

  /** As EVENT in wire.ts has it: `head` is a request's, `extra` goes with the events that take one. */
  push(type: number, id: number, a: number, extra: Transferable, head: string): void {
    this.#events.push({ type, id, a, head, extra })
  }

  /** Takes a request out. Whether it was there. */
  withdraw(id: number): boolean {
    const index = this.#events.findIndex(event => event.type === EVENT.request && event.id === id)
    if (index >= 0) this.#events.splice(index, 1)
    return index >= 0
  }

  /** Ids of the requests that wait, in order. */
  requests(): number[] {
    return this.#events.flatMap(({ type, id }) => (type === EVENT.request ? [id] : []))
  }

  clear(): void {
    this.#events.length = 0
  }

  /**
   * Moves as many events as one call takes into `memory`, their extras and all texts of heads but the first behind
   * those that are in `extras`, and the requests' ids behind those in `handed`. Returns their number and the first text.
   */
  write(memory: Int32Array, extras: Transferable[], handed: number[]): { count: number; text: string } {
    const count = Math.min(this.#events.length, EVENTS_MAX)
    const texts: string[] = []
    const places: number[] = []
    let last = -1
    for (let i = 0; i < count; i++) {
      const event = this.#events[i]!
      const at = i * EVENT_INTS
      memory[at] = event.type
      memory[at + 1] = event.id
      memory[at + 2] = event.a
      if (event.type === EVENT.request) {
        const { head } = event
        if (last >= 0 && texts[last]!.length + head.length < TEXT_CHARS_MAX) texts[last] += `\0${head}`
        else {
          last = texts.push(head) - 1
          if (last > 0) {
            memory[at + 2]! |= REQUEST_NEXT_TEXT
            places.push(extras.push('') - 1)
          }
        }
        handed.push(event.id)
      } else if (event.extra !== undefined) {
        extras.push(event.extra)
      }
    }
    for (let i = 1; i < texts.length; i++) extras[places[i - 1]!] = texts[i]!
    this.#events.splice(0, count)
    return { count, text: texts[0] ?? '' }
  }
}
