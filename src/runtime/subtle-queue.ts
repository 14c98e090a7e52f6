/**
 * An instance's operations of crypto.subtle, one after the other: they run on threads that all apps share, and what
 * they take is the request's CPU time.
 *
 * No operation can be stopped. One that takes longer than its request may goes on when the request has been ended for
 * it, and then holds up its own app at most: of such operations one of each app, and few of all, are under way.
 */

import { EVENT } from '../sandbox/wire.ts'
import { Slots, Turns } from '../turns.ts'
import type { Producer, Sink } from './bodies.ts'
import type { Instance } from './instance.ts'
import { transfer } from './isolate.ts'
import { Violation } from './records.ts'
import { type SubtleHost, subtleOperation } from './subtle.ts'

const NS_PER_MS = 1e6
/** How often what an operation takes is charged. */
const CHARGE_MS = 20

/** Of the four threads that Node has for such work. */
const SLOW_AT_ONCE = 2
const slots = new Slots(SLOW_AT_ONCE)
const turns = new Turns()

interface Pending {
  id: number
  owner: number
  message: Buffer
}

export class SubtleQueue {
  readonly #instance: Instance
  readonly #queue: Pending[] = []
  #isRunning = false

  constructor(instance: Instance) {
    this.#instance = instance
  }

  /** Takes the message of an operation that the guest has begun under `id` for the request `owner`. */
  sink({ id, owner, guest }: { id: number; owner: number; guest: Producer }): Sink {
    const pieces: Buffer[] = []
    return {
      write: bytes => {
        // Until it has run, it lies in this process for the app.
        this.#instance.account(bytes.length)
        pieces.push(Buffer.from(bytes))
        guest.credit(bytes.length)
      },
      end: () => {
        this.#queue.push({ id, owner, message: Buffer.concat(pieces) })
        if (!this.#isRunning) void this.#run()
      },
      fail: () => {},
    }
  }

  close(): void {
    this.#queue.length = 0
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) await this.#runOne(next)
    this.#isRunning = false
  }

  async #runOne({ id, owner, message }: Pending): Promise<void> {
    let chargedTo = 0
    const charge = () => {
      const now = performance.now()
      this.#instance.chargeHost(owner, (now - chargedTo) * NS_PER_MS)
      chargedTo = now
    }
    let timer: NodeJS.Timeout | undefined
    const host: SubtleHost = {
      slowTurn: () => slowTurn(this.#instance.spec.app),
      begin: () => {
        if (this.#instance.isOver) return false
        chargedTo = performance.now()
        timer = setInterval(charge, CHARGE_MS)
        return true
      },
    }
    try {
      const answer = await subtleOperation(message, host)
      if (answer) this.#instance.push(EVENT.digested, id, 0, transfer(answer.buffer))
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      this.#instance.kill('protocolViolation', error.message, owner)
    } finally {
      clearInterval(timer)
    }
    this.#instance.account(-message.length)
    if (timer) charge()
  }
}

/** One of an app at a time, then few of all. */
async function slowTurn(app: string): Promise<Disposable> {
  const turn = await turns.take(app)
  const slot = await slots.take()
  return {
    [Symbol.dispose]: () => {
      slot[Symbol.dispose]()
      turn[Symbol.dispose]()
    },
  }
}
