/**
 * Gives back memory of isolates that have nothing to do. V8 collects garbage when it needs room: an app that has
 * started and waits keeps a sixth of its memory for nothing. It costs an isolate some 16 ms of CPU time, so it is done
 * once, again only when the heap has grown, and one isolate at a time with pauses.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { EVENT } from '../sandbox/wire.ts'

/** An instance, as far as this concerns it. */
export interface Collectable {
  /** Into its isolate, so far. */
  readonly calls: number
  /** Whether one is under way: then its heap cannot be looked at without waiting for its end. */
  readonly running: boolean
  readonly isOver: boolean
  /** Queues an event for the isolate. */
  push(type: number, id: number): void
}

/** Its isolate. */
export interface Heap {
  /** Null once it is gone. Not to be asked while it runs. */
  heapBytes(): { heapBytes: number } | null
}

export interface IdleCollectorOptions {
  /** How often instances are looked at: those that have had no call since the last look are idle. Default 1000. */
  lookMs?: number
  /** Between two collections. Default 100. */
  pauseMs?: number
}

/** A larger heap takes so long that a request which comes meanwhile would notice. */
const HEAP_BYTES_MAX = 8 * 2 ** 20
/** By how much a heap has grown that is collected again. */
const GROWTH = 1.5

interface Seen {
  heap: Heap
  calls: number
  /** What was collected last had so much before that. */
  collectedBytes: number
}

export class IdleCollector implements Disposable {
  readonly #pauseMs: number
  readonly #seen = new Map<Collectable, Seen>()
  readonly #timer: NodeJS.Timeout
  #looking = false
  #disposed = false

  constructor({ lookMs = 1000, pauseMs = 100 }: IdleCollectorOptions = {}) {
    this.#pauseMs = pauseMs
    this.#timer = setInterval(() => void this.#look(), lookMs).unref()
  }

  /** Looks after an instance until it is over. */
  add(instance: Collectable, heap: Heap): void {
    this.#seen.set(instance, { heap, calls: -1, collectedBytes: 0 })
  }

  async #look(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    for (const instance of this.#idle()) {
      const seen = this.#seen.get(instance)!
      if (this.#disposed) break
      if (instance.running || instance.calls !== seen.calls) continue
      const bytes = seen.heap.heapBytes()?.heapBytes ?? 0
      if (bytes > HEAP_BYTES_MAX || bytes <= seen.collectedBytes * GROWTH) continue
      seen.collectedBytes = bytes
      instance.push(EVENT.collect, 0)
      await delay(this.#pauseMs, undefined, { ref: false })
    }
    this.#looking = false
  }

  #idle(): Collectable[] {
    const idle: Collectable[] = []
    for (const [instance, seen] of this.#seen) {
      if (instance.isOver) this.#seen.delete(instance)
      else if (seen.calls === instance.calls) idle.push(instance)
      else seen.calls = instance.calls
    }
    return idle
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    clearInterval(this.#timer)
  }
}
