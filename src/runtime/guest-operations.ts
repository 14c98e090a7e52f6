/**
 * What a guest has begun under ids of its own: fetches and digests, with the bodies that it sends for them.
 *
 * Like everything in guest-records.ts, this reads a tenant's bytes: what breaks the rules is a Violation.
 */
import { createHash, type Hash } from 'node:crypto'
import {
  DIGESTS,
  EVENT,
  FETCH_BODY,
  FETCH_CACHE,
  FETCH_FIXED,
  FETCH_TEXT,
  FETCH_UPGRADE,
  FETCHED_BODY,
  FETCHED_REDIRECTED,
  FETCHED_TEXT,
  GUEST_ID,
  REDIRECT_SHIFT,
  REDIRECTS,
  SUBTLE,
} from '../sandbox/wire.ts'
import { traceHeadersOf } from '../trace-context.ts'
import type { Body, Producer, Sink } from './bodies.ts'
import type { Instance } from './instance.ts'
import { transfer } from './isolate.ts'
import type { Notice } from './messages.ts'
import { BODY_WINDOW } from './protocol.ts'
import { itemAt, uint32, Violation } from './records.ts'
import type { ServedRequest } from './served-request.ts'
import { Subfetch } from './subfetch.ts'
import { SubtleQueue } from './subtle-queue.ts'

/** Uploads and digests that one instance may have under way. */
const SINKS_MAX = 10_000

/** What takes no longer than to find out how long it takes. */
const CHARGED_BYTES_MIN = 4096

/**
 * The least time that an algorithm has taken for a byte: what takes longer waits for a core, for which nobody pays. The
 * kernel's clock of a thread's CPU time does not move in so short a time.
 */
const hashNsPerByte = new Map<string, number>()

export class GuestOperations {
  readonly #instance: Instance
  readonly #notice: (notice: Notice) => void
  /** Where the outgoing bodies go, by id: uploads and digests. */
  readonly #sinks = new Map<number, Sink>()
  /** Bodies that the guest handed over to be sent as an upload, by the upload's id. */
  readonly #piped = new Map<number, Body>()
  readonly #fetches = new Map<number, { fetch: Subfetch; owner: ServedRequest }>()
  readonly #subtle: SubtleQueue

  constructor(instance: Instance, notice: (notice: Notice) => void) {
    this.#instance = instance
    this.#notice = notice
    this.#subtle = new SubtleQueue(instance)
  }

  /** Where an outgoing body's bytes go. */
  sink(id: number): Sink | undefined {
    return this.#sinks.get(id)
  }

  /** An outgoing body is complete. */
  end(id: number): void {
    this.#sinks.get(id)?.end()
    this.#sinks.delete(id)
  }

  /** An outgoing body's bytes are another body's; `tell` hears how that ended. */
  pipe(id: number, { body, tell }: { body: Body; tell: (failed: boolean) => void }): void {
    const sink = this.#sinks.get(id)
    if (!sink) throw new Violation('pipe to nowhere')
    this.#piped.set(id, body)
    body.pipe(pipedSink(sink, tell), BODY_WINDOW)
  }

  /** A fetched response's body. */
  body(id: number): Body | null {
    return this.#fetches.get(id)?.fetch.body ?? null
  }

  /** Ends everything. */
  close(): void {
    for (const { fetch } of this.#fetches.values()) fetch.abort()
    this.#fetches.clear()
    this.#sinks.clear()
    this.#subtle.close()
  }

  /** A `fetch` record, sent on behalf of `owner`. */
  fetch(id: number, owner: ServedRequest, payload: Buffer): void {
    if (id < GUEST_ID || this.#fetches.has(id)) throw new Violation('fetch under an id that is taken')
    if (++owner.subrequests > this.#instance.spec.limits.subrequests)
      throw new Violation('too many subrequests')
    const flags = uint32(payload, 4)
    const [method = '', url = '', ...headers] = payload.latin1Slice(12, payload.length).split('\n')
    const instance = this.#instance
    const isCached = (flags & FETCH_CACHE) !== 0
    const isOwn = (text: string, at: number) => at % 2 === 0 && text.toLowerCase() === 'traceparent'
    if (owner.tracedHead !== null && !isCached && !headers.some(isOwn))
      headers.push(...traceHeadersOf(owner.tracedHead))
    const request = {
      app: instance.spec.app,
      method,
      url,
      headers,
      isUpgrade: (flags & FETCH_UPGRADE) !== 0,
      redirect: itemAt(REDIRECTS, (flags >> REDIRECT_SHIFT) & 3),
      body:
        flags & FETCH_BODY
          ? flags & FETCH_FIXED
            ? ('fixed' as const)
            : ('stream' as const)
          : ('none' as const),
      // With more than its memory it ends. What is not written to takes no memory.
      bodyBytesMax: Math.min(uint32(payload, 8), instance.spec.limits.memoryMb * 2 ** 20),
      takesText: (flags & FETCH_TEXT) !== 0,
      payer: {
        charge: (ns: number) => instance.chargeHost(owner.id, ns),
        served: (ns: number) => instance.served(ns),
      },
    }
    const upstream = () => (isCached ? instance.context.cache() : instance.context.fetcher())
    const fetch = new Subfetch(upstream, request, {
      account: instance.account,
      producer: this.#guest(id),
      events: {
        responded: (head, text) => {
          const how = text !== null ? FETCHED_TEXT : head.body ? FETCHED_BODY : 0
          const code = head.status | ((how | (head.redirected ? FETCHED_REDIRECTED : 0)) << 16)
          const lines = [head.url, head.statusText, ...head.headers].join('\n')
          instance.push(EVENT.fetched, id, code, text === null ? lines : `${lines}\0${text}`)
          // All of it is the guest's now.
          if (text !== null && !fetch.upload) this.#forget(id, owner)
        },
        failed: message => instance.push(EVENT.fetchFailed, id, 0, message),
        ended: (status, durationMs) => {
          if (!isCached) this.#notice({ type: 'subrequest', status, durationMs })
        },
      },
    })
    this.#fetches.set(id, { fetch, owner })
    owner.fetches ??= new Map()
    owner.fetches.set(id, fetch)
    if (fetch.upload) this.#sinks.set(id, fetch.upload)
  }

  /** Gives a fetch up, whatever it has come to. */
  drop(id: number): void {
    const found = this.#fetches.get(id)
    if (!found) return
    this.#forget(id, found.owner)
    found.fetch.abort()
  }

  #forget(id: number, owner: ServedRequest): void {
    this.#fetches.delete(id)
    this.#sinks.delete(id)
    this.#piped.delete(id)
    owner.fetches?.delete(id)
  }

  /** A `digest` record; its data comes as an outgoing body. */
  digest(id: number, payload: Buffer): void {
    const what = uint32(payload, 4)
    if (id < GUEST_ID || this.#sinks.has(id) || this.#sinks.size >= SINKS_MAX) throw new Violation('digest')
    if (what === SUBTLE) {
      this.#sinks.set(id, this.#subtle.sink({ id, owner: uint32(payload, 0), guest: this.#guest(id) }))
      return
    }
    const name = itemAt(DIGESTS, what)
    const hash: Hash = createHash(name.replace('-', '').toLowerCase())
    const owner = uint32(payload, 0)
    this.#sinks.set(id, {
      write: bytes => {
        const began = performance.now()
        hash.update(bytes)
        this.#chargeHash(owner, name, { bytes: bytes.length, ms: performance.now() - began })
        // The guest itself needs no credit for it.
        this.#piped.get(id)?.addSinkCredit(bytes.length)
      },
      end: () => {
        const digest = hash.digest()
        const copy = new Uint8Array(digest)
        this.#instance.push(EVENT.digested, id, 0, transfer(copy.buffer))
      },
      fail: () => {},
    })
  }

  /** A request pays for a hash as soon as whatever the isolate has said is done. */
  #chargeHash(owner: number, name: string, { bytes, ms }: { bytes: number; ms: number }): void {
    if (bytes < CHARGED_BYTES_MIN) return
    const nsPerByte = Math.min(hashNsPerByte.get(name) ?? Infinity, (ms * 1e6) / bytes)
    hashNsPerByte.set(name, nsPerByte)
    queueMicrotask(() => this.#instance.chargeHost(owner, nsPerByte * bytes))
  }

  /** The guest as the producer of an outgoing body, or the body that it handed over. */
  #guest(id: number): Producer {
    return {
      credit: bytes => {
        const piped = this.#piped.get(id)
        if (piped) piped.addSinkCredit(bytes)
        else this.#instance.push(EVENT.credit, id, bytes)
      },
      cancel: () => this.#instance.push(EVENT.unwanted, id),
    }
  }
}

/** Tells the guest how a body that it handed over has ended. */
function pipedSink(sink: Sink, tell: (failed: boolean) => void): Sink {
  return {
    write: bytes => sink.write(bytes),
    end: () => {
      sink.end()
      tell(false)
    },
    fail: message => {
      sink.fail(message)
      tell(true)
    },
  }
}
