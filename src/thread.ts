/**
 * A worker thread that answers calls. It starts with the first call and, should it die, again with the next;
 * calls that it had not answered then are rejected. While nothing is asked of it, it keeps no process alive.
 *
 * The script gets `{ id, request }` messages, answers each with `{ id, reply }`, and ends itself on `'close'`.
 */
import assert from 'node:assert/strict'
import { type MessagePort, parentPort, type ResourceLimits, Worker } from 'node:worker_threads'
import { compileCacheEnv } from './compile-cache.ts'

export interface ThreadOptions {
  script: URL
  name: string
  /** What the script finds as `workerData`. */
  data?: unknown
  /** How large its heap may grow; without, as Node has it. A thread that wants more dies. */
  resourceLimits?: ResourceLimits
  /** Calls that may wait for their answers; more are refused. */
  pendingMax: number
}

/** Why there is no answer. `full`: refused, nothing was done. `lost`: nobody knows whether it was done. */
export class NoAnswer extends Error {
  readonly reason: 'full' | 'lost' | 'closed'

  constructor(reason: NoAnswer['reason'], cause?: unknown) {
    super(`thread is ${reason}`, { cause })
    this.reason = reason
  }
}

interface Pending {
  resolve(reply: unknown): void
  reject(error: NoAnswer): void
}

export class Thread<Request, Reply> implements AsyncDisposable {
  readonly #options: ThreadOptions
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | null = null
  #ended: Promise<void> = Promise.resolve()
  #lastId = 0
  #closed = false

  constructor(options: ThreadOptions) {
    this.#options = options
  }

  /** Rejects with `NoAnswer` alone. The buffers in `transfer` are moved instead of copied. */
  call(request: Request, transfer: ArrayBuffer[] = []): Promise<Reply> {
    if (this.#closed) return Promise.reject(new NoAnswer('closed'))
    if (this.#pending.size >= this.#options.pendingMax) return Promise.reject(new NoAnswer('full'))
    this.#worker ??= this.#start()
    const id = ++this.#lastId
    this.#worker.postMessage({ id, request }, transfer)
    this.#worker.ref()
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject })
    })
  }

  /** As `call`, but starts no thread: where none runs, because it has died or has not been needed, the call is lost. */
  callIfRunning(request: Request): Promise<Reply> {
    return this.#worker ? this.call(request) : Promise.reject(new NoAnswer('lost'))
  }

  /** Ends the thread in the middle of what it does. */
  async kill() {
    await this.#worker?.terminate()
  }

  #start(): Worker {
    const { script, name, data, resourceLimits } = this.#options
    const worker = new Worker(script, {
      workerData: data,
      env: compileCacheEnv(),
      name,
      ...(resourceLimits && { resourceLimits }),
    })
    let cause: unknown
    worker.on('error', error => {
      cause = error
    })
    worker.on('message', ({ id, reply }: { id: number; reply: unknown }) => {
      this.#pending.get(id)?.resolve(reply)
      this.#pending.delete(id)
      if (this.#pending.size === 0 && !this.#closed) worker.unref()
    })
    this.#ended = new Promise(resolve => {
      worker.on('exit', () => {
        this.#worker = null
        for (const { reject } of this.#pending.values()) reject(new NoAnswer('lost', cause))
        this.#pending.clear()
        resolve()
      })
    })
    return worker
  }

  /** Lets the thread finish what it was asked. */
  async [Symbol.asyncDispose]() {
    this.#closed = true
    this.#worker?.ref()
    this.#worker?.postMessage('close')
    await this.#ended
  }
}

/** The thread's end of the line, for its script. */
export function callerPort(): MessagePort {
  assert(parentPort, 'this script runs as a thread')
  return parentPort
}
