/**
 * The streams of one connection, in slots with generation numbers: a Map under rising ids would keep dead requests
 * alive in its discarded tables.
 */
import type { Exchange, ExchangeLink } from '../scheduler/exchange.ts'
import type { RuntimeClient } from './client.ts'

const SLOTS_MAX = 65_536
/** Ids leave the top bit to the protocol. */
const GENERATIONS = 0x7fff

/** One exchange, from `send` until the runtime says `finished`. */
export class Stream implements ExchangeLink {
  readonly client: RuntimeClient
  readonly exchange: Exchange
  readonly instance: number
  readonly stream: number
  entered = false
  headSeen = false
  /** The exchange has seen onEnd or onFail, or was aborted: only `finished` is still awaited. */
  over = false

  constructor(client: RuntimeClient, exchange: Exchange, instance: number, stream: number) {
    this.client = client
    this.exchange = exchange
    this.instance = instance
    this.stream = stream
  }

  /** Nothing more comes to the exchange from here. */
  settle(): void {
    this.over = true
    if (this.exchange.link === this) this.exchange.link = null
  }
}

export class StreamTable {
  readonly #slots: (Stream | null)[] = []
  readonly #generations: number[] = []
  readonly #free: number[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Makes the exchange's stream and links the two. */
  open(client: RuntimeClient, exchange: Exchange, instance: number): Stream {
    const slot = this.#free.pop() ?? this.#slots.length
    if (slot >= SLOTS_MAX) throw new Error('more requests in flight than a connection has slots')
    const generation = ((this.#generations[slot] ?? 0) % GENERATIONS) + 1
    this.#generations[slot] = generation
    const stream = new Stream(client, exchange, instance, generation * SLOTS_MAX + slot)
    this.#slots[slot] = stream
    exchange.link = stream
    this.#size++
    return stream
  }

  get(id: number): Stream | null {
    const stream = this.#slots[id % SLOTS_MAX]
    return stream && stream.stream === id ? stream : null
  }

  /** Ends a stream: its id will not be found again. */
  release(stream: Stream): void {
    stream.settle()
    const slot = stream.stream % SLOTS_MAX
    this.#slots[slot] = null
    this.#free.push(slot)
    this.#size--
  }

  /** Ends every stream, or those of one instance; those are returned whose exchange still waited for something. */
  releaseAll(instance?: number): Stream[] {
    const waiting: Stream[] = []
    for (const stream of this.#slots) {
      if (!stream || (instance !== undefined && stream.instance !== instance)) continue
      if (!stream.over) waiting.push(stream)
      this.release(stream)
    }
    return waiting
  }
}
