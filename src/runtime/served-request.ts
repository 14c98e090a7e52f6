/** One request in the runtime, from the frame that brought it until `finished` has been sent. */
import type { Body } from './bodies.ts'
import type { Instance } from './instance.ts'
import { BODY_WINDOW } from './protocol.ts'
import type { Subfetch } from './subfetch.ts'

export class ServedRequest {
  /** The connection's stream id. */
  readonly id: number
  readonly instance: Instance
  /** The request's body, if it has one. */
  body: Body | null = null
  /** The body that is being sent as the response, where the app handed it over whole. */
  piped: Body | null = null
  /** Made with the first fetch: most requests have none. */
  fetches: Map<number, Subfetch> | null = null
  /** The request's head, where it may name a trace for its subrequests to carry on. */
  tracedHead: string | null = null
  headSent = false
  /** The response is complete or has failed. */
  ended = false
  over = false
  /** Counted against the limit. */
  cpuNs = 0
  /** It has become a WebSocket. */
  isUpgraded = false
  /** CPU time that counts against the limit no more, and since when the rest does, by performance.now(). */
  #earlierCpuNs = 0
  #renewedAt = 0
  /** The call in which CPU time was last charged. */
  chargedCall = 0
  subrequests = 0
  logBytes = 0
  /** Bytes of the response that may still be sent; a last text may go beyond it. */
  credit = BODY_WINDOW
  /** Bytes by which texts came out longer than the characters that the sandbox counted as sent. */
  creditDebt = 0
  expiry: NodeJS.Timeout | null = null

  constructor(id: number, instance: Instance) {
    this.id = id
    this.instance = instance
  }

  get totalCpuNs(): number {
    return this.#earlierCpuNs + this.cpuNs
  }

  /** It becomes a WebSocket, each piece from whose client is as good as a request: none may hold too many messages. */
  upgrade(): void {
    this.isUpgraded = true
    if (this.body) this.body.pieceBytesMax = WEBSOCKET_PIECE_BYTES
  }

  /** What a WebSocket's client sends is as good as a request: it may use as much CPU time. */
  renewCpu(): void {
    this.#renewedAt = performance.now()
    this.#earlierCpuNs += this.cpuNs
    this.cpuNs = 0
  }

  /** One that only sends may use as much at every turn of some seconds. */
  renewCpuIfDue(): void {
    if (performance.now() - this.#renewedAt > CPU_RENEWAL_MS) this.renewCpu()
  }
}

/** The shortest messages have 6 bytes of frame around them: some 1,300 of them. */
const WEBSOCKET_PIECE_BYTES = 8192
/** How often a WebSocket may use a request's CPU time though its client is silent. */
const CPU_RENEWAL_MS = 10_000

/** The requests of one connection, in slots (protocol.ts's stream ids name slot and generation). */
export class RequestTable {
  readonly #slots: (ServedRequest | null)[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): ServedRequest | null {
    const request = this.#slots[id % SLOTS]
    return request && request.id === id ? request : null
  }

  add(request: ServedRequest): void {
    const slot = request.id % SLOTS
    while (this.#slots.length <= slot) this.#slots.push(null)
    this.#slots[slot] = request
    this.#size++
  }

  /** Those of one instance. */
  of(instance: Instance): ServedRequest[] {
    return this.#slots.filter(request => request?.instance === instance) as ServedRequest[]
  }

  remove(request: ServedRequest): void {
    if (this.get(request.id) !== request) return
    this.#slots[request.id % SLOTS] = null
    this.#size--
  }
}

const SLOTS = 65_536
