/**
 * An instance's operations of crypto.subtle, one after the other: they run on threads that all apps share, and what
 * they take is the request's CPU time.
 */
import { EVENT } from '../sandbox/wire.ts'
import type { Producer, Sink } from './bodies.ts'
import type { Instance } from './instance.ts'
import { transfer } from './isolate.ts'
import { Violation } from './records.ts'
import { subtleOperation } from './subtle.ts'

const NS_PER_MS = 1e6

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
    const began = performance.now()
    try {
      const answer = await subtleOperation(message)
      this.#instance.push(EVENT.digested, id, 0, transfer(answer.buffer))
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      this.#instance.kill('protocolViolation', error.message, owner)
    }
    this.#instance.account(-message.length)
    this.#instance.chargeHost(owner, (performance.now() - began) * NS_PER_MS)
  }
}
