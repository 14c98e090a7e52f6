/**
 * What an isolate asks of the host, record by record: responses, fetches, bodies, timers, log lines.
 *
 * The records are a tenant's bytes. Each is checked against what this side knows: an id that is not the
 * instance's, a second response, a body that was never begun is a Violation.
 */
import { OUTCOMES } from '../outcome.ts'
import {
  EVENT,
  GUEST_ID,
  LIMIT_NOTICES,
  PULL,
  RECORD,
  RESPONSE_FINISHED,
  RESPONSE_TEXT,
  RESPONSE_WHOLE,
} from '../sandbox/wire.ts'
import type { Body, Puller, Sink } from './bodies.ts'
import { copyBytes } from './frame-writer.ts'
import { GuestLog } from './guest-log.ts'
import { GuestOperations } from './guest-operations.ts'
import type { Instance } from './instance.ts'
import { transfer } from './isolate.ts'
import type { Notice } from './messages.ts'
import { BODY_WINDOW, FRAME, PAYLOAD_BYTES_MAX, PIECE_BYTES } from './protocol.ts'
import { encodeText, itemAt, readRecords, type Texts, uint32, Violation, writeText } from './records.ts'
import type { ServedRequest } from './served-request.ts'

const RESPONSE_FIXED_BYTES = 12
/** How far a text that begins within its credit may go beyond it: the sandbox counts characters. */
const CREDIT_SLACK_BYTES = 2 ** 20

/** RFC 9110, 15.2.2. */
const STATUS_UPGRADED = 101

export class GuestRecords {
  readonly log: GuestLog
  readonly #instance: Instance
  /** What the guest has begun itself: fetches and digests. */
  readonly #begun: GuestOperations
  #wake: NodeJS.Timeout | null = null
  #cpuNsEach = 0
  #call = 0
  /** When the guest wants to be woken: this call's last word on it; -1: it has not said. */
  #wakeMs = -1
  /** Bits of the limits that this call has hit: each is told once, however often that was. */
  #limitsTold = 0
  #texts: Texts | null = null

  constructor(instance: Instance) {
    this.#instance = instance
    this.log = new GuestLog(instance)
    this.#begun = new GuestOperations(instance, notice => this.#notice(notice))
  }

  /** Acts on the records of one call. `cpuNsEach`: CPU time to charge to each request they speak of. */
  take(outbox: Buffer, bytes: number, texts: Texts | null, cpuNsEach: number, call: number): void {
    this.#cpuNsEach = cpuNsEach
    this.#call = call
    this.#texts = texts
    this.#limitsTold = 0
    this.#wakeMs = -1
    readRecords(outbox, bytes, this.#handle)
    if (this.#wakeMs >= 0) this.#wakeAfter(this.#wakeMs)
  }

  /**
   * Acts on what an isolate had left when it was ended in the middle of a call: console lines, and the responses of
   * requests that were through with, so that they do not fail for the guilty one. Texts have died with the isolate.
   */
  takeLast(outbox: Buffer, bytes: number, guilty: number): void {
    try {
      readRecords(outbox, bytes, (type, id, payload) => {
        const isDone = type === RECORD.response && id !== guilty && isComplete(payload)
        if (type === RECORD.log || isDone) this.#handle(type, id, payload)
      })
    } catch (error) {
      // It is over with the instance anyway.
      if (!(error instanceof Violation)) throw error
    }
  }

  /** Adds a call's CPU time to a request, once. */
  charge(request: ServedRequest, cpuNs: number, call: number): void {
    if (request.chargedCall === call) return
    request.chargedCall = call
    if (request.isUpgraded) request.renewCpuIfDue()
    request.cpuNs += cpuNs
  }

  /** The instance has ended: nothing of it goes on. */
  close(): void {
    if (this.#wake) clearTimeout(this.#wake)
    this.#begun.close()
  }

  readonly #handle = (type: number, id: number, payload: Buffer): void => {
    switch (type) {
      case RECORD.response:
        return this.#response(this.#request(id), payload)
      case RECORD.chunk:
        return this.#chunk(id, payload)
      case RECORD.text:
        return this.#textChunk(id, this.#text())
      case RECORD.end:
        return this.#bodyEnd(id)
      case RECORD.broken:
        return this.#begun.sink(id)?.fail('The body stream failed.')
      case RECORD.pipe:
        return this.#pipe(id, this.#body(uint32(payload, 0)))
      case RECORD.failed:
        return this.#end(this.#request(id), FRAME.failed, 'exception', payload)
      case RECORD.finished:
        return this.#finished(id, payload)
      case RECORD.pull:
        return this.#pull(id, uint32(payload, 0))
      case RECORD.cancel:
        return this.#findBody(id)?.cancel()
      case RECORD.fetch:
        return this.#begun.fetch(id, this.#request(uint32(payload, 0)), payload)
      case RECORD.abortFetch:
        return this.#begun.drop(id)
      case RECORD.digest:
        return this.#begun.digest(id, payload)
      case RECORD.log:
        if (!this.log.tell(id, payload)) this.#limit(LIMIT_NOTICES.indexOf('log_lines'))
        return
      case RECORD.wake:
        this.#wakeMs = payload.length >= 8 ? Math.max(0, payload.readDoubleLE(0)) || 0 : 0
        return
      case RECORD.limit:
        return this.#limit(uint32(payload, 0))
      default:
        throw new Violation(`record of unknown type ${type}`)
    }
  }

  #request(id: number): ServedRequest {
    const request = this.#instance.context.requests.get(id)
    if (!request || request.instance !== this.#instance)
      throw new Violation('record for a request that is not here')
    this.charge(request, this.#cpuNsEach, this.#call)
    return request
  }

  #text(): string {
    if (!this.#texts) throw new Violation('no text')
    return this.#texts.next()
  }

  #response(request: ServedRequest, payload: Buffer): void {
    const headEnd = RESPONSE_FIXED_BYTES + uint32(payload, 8)
    if (headEnd > payload.length) throw new Violation('short response')
    if (request.headSent) throw new Violation('second response')
    const flags = payload.readUInt16LE(2)
    const whole = (flags & RESPONSE_WHOLE) !== 0
    const finished = whole && (flags & RESPONSE_FINISHED) !== 0
    const text = flags & RESPONSE_TEXT ? this.#text() : null
    const size = text === null ? 0 : Buffer.byteLength(text)
    request.headSent = true
    if (payload.readUInt16LE(0) === STATUS_UPGRADED) request.upgrade()
    const { writer } = this.#instance.context
    const fits = whole && size <= PIECE_BYTES
    const frameFlags = fits ? (finished ? RESPONSE_WHOLE | RESPONSE_FINISHED : RESPONSE_WHOLE) : 0
    const inline = fits ? size : 0
    if (payload.length + inline > PAYLOAD_BYTES_MAX) throw new Violation('response longer than a frame')
    const frame = writer.frame(FRAME.response, frameFlags, request.id, payload.length + inline)
    copyBytes(payload, frame, 0)
    if (inline > 0) writeText(text!, frame, { at: payload.length, size })
    frame.writeUInt32LE(Math.min(0xffff_ffff, Math.round(request.totalCpuNs / 1000)), 4)
    if (!fits && whole) {
      writer.text(FRAME.chunk, request.id, text!, size)
      this.#writeEnd(request)
      if (finished) this.#writeFinish(FRAME.finished, request, 'ok', '')
    }
    if (whole) request.ended = true
    if (finished) this.over(request)
    else if (whole) this.#expireLater(request)
  }

  #chunk(id: number, bytes: Buffer): void {
    if (id >= GUEST_ID) return this.#begun.sink(id)?.write(bytes)
    this.#spend(this.#request(id), bytes.length)
    this.#instance.context.writer.bytes(FRAME.chunk, id, bytes)
  }

  /** So much of a response's body is about to leave. */
  #spend(request: ServedRequest, bytes: number): void {
    if (!request.headSent || request.ended || request.piped) throw new Violation('body outside of a response')
    if (request.credit < -CREDIT_SLACK_BYTES) throw new Violation('a body beyond its credit')
    request.credit -= bytes
  }

  /** The sandbox takes a text's characters off its credit; that it had more bytes is kept for later credit. */
  #textChunk(id: number, text: string): void {
    if (id >= GUEST_ID) return this.#begun.sink(id)?.write(encodeText(text))
    const request = this.#request(id)
    const size = Buffer.byteLength(text)
    this.#spend(request, size)
    this.#instance.context.writer.text(FRAME.chunk, id, text, size)
    request.creditDebt += size - text.length
  }

  #bodyEnd(id: number): void {
    if (id >= GUEST_ID) {
      return this.#begun.end(id)
    }
    const request = this.#request(id)
    if (!request.headSent || request.ended || request.piped) throw new Violation('end outside of a response')
    this.#writeEnd(request)
  }

  #writeEnd(request: ServedRequest): void {
    request.ended = true
    const frame = this.#instance.context.writer.frame(FRAME.end, 0, request.id, 4)
    frame.writeUInt32LE(Math.min(0xffff_ffff, Math.round(request.totalCpuNs / 1000)), 0)
    this.#expireLater(request)
  }

  /** An app hands a body over as it is: its bytes never enter the isolate. */
  #pipe(id: number, body: Body): void {
    const tell = (failed: boolean) => this.#instance.push(EVENT.piped, id, failed ? 1 : 0)
    if (id >= GUEST_ID) return this.#begun.pipe(id, { body, tell })
    const request = this.#request(id)
    if (!request.headSent || request.ended || request.piped) throw new Violation('pipe outside of a response')
    const { writer } = this.#instance.context
    request.piped = body
    const sink: Sink = {
      room: writer,
      write: bytes => writer.bytes(FRAME.chunk, id, bytes),
      end: () => {
        request.piped = null
        this.#writeEnd(request)
        tell(false)
      },
      fail: () => {
        request.piped = null
        tell(true)
      },
    }
    body.pipe(sink, BODY_WINDOW)
  }

  #finished(id: number, payload: Buffer): void {
    const request = this.#request(id)
    const failed = uint32(payload, 0) !== 0
    this.#end(request, FRAME.finished, failed ? 'exception' : 'ok', payload)
    this.over(request)
  }

  #end(request: ServedRequest, type: number, outcome: 'ok' | 'exception', payload: Buffer): void {
    if (type === FRAME.failed && request.ended) throw new Violation('failure after the end')
    request.ended = true
    this.#writeFinish(type, request, outcome, payload.utf8Slice(4, Math.min(payload.length, 4 + 4096)))
    if (type === FRAME.failed) this.#expireLater(request)
  }

  #writeFinish(type: number, request: ServedRequest, outcome: 'ok' | 'exception', message: string): void {
    const text = Buffer.from(message)
    const frame = this.#instance.context.writer.frame(type, 0, request.id, 8 + text.length)
    frame.writeUInt32LE(OUTCOMES.indexOf(outcome), 0)
    frame.writeUInt32LE(Math.min(0xffff_ffff, Math.round(request.totalCpuNs / 1000)), 4)
    frame.set(text, 8)
  }

  /** After the response a request stays for waitUntil, but not for ever. */
  #expireLater(request: ServedRequest): void {
    const expire = () => this.#instance.push(EVENT.expire, request.id)
    request.expiry ??= setTimeout(expire, this.#instance.spec.limits.waitUntilMs)
  }

  /** Forgets a request and ends what goes on for it. */
  over(request: ServedRequest): void {
    if (request.over) return
    request.over = true
    if (request.expiry) clearTimeout(request.expiry)
    request.body?.cancel()
    request.piped?.cancel()
    for (const id of request.fetches?.keys() ?? []) this.#begun.drop(id)
    this.#instance.context.requests.remove(request)
  }

  #findBody(id: number): Body | null {
    if (id >= GUEST_ID) return this.#begun.body(id)
    const request = this.#instance.context.requests.get(id)
    return request?.instance === this.#instance ? request.body : null
  }

  #body(id: number): Body {
    const body = this.#findBody(id)
    if (!body) throw new Violation('a body that is not here')
    return body
  }

  #pull(id: number, how: number): void {
    const instance = this.#instance
    const puller: Puller = {
      chunk: bytes => {
        const request = id < GUEST_ID ? instance.context.requests.get(id) : null
        if (request?.isUpgraded) request.renewCpu()
        instance.push(EVENT.chunk, id, 0, transfer(bytes))
      },
      collected: (value, isAll) => {
        const extra = typeof value === 'string' ? value : transfer(value)
        instance.push(EVENT.collected, id, isAll ? 0 : 1, extra)
      },
      end: () => instance.push(EVENT.end, id),
      broken: reason => instance.push(EVENT.broken, id, 0, reason),
    }
    const body = this.#findBody(id)
    if (!body) return puller.broken('The body is gone: its request is over.')
    body.pull(how === PULL.chunk ? 'chunk' : how === PULL.bytes ? 'bytes' : 'text', puller)
  }

  #limit(index: number): void {
    const limit = itemAt(LIMIT_NOTICES, index)
    if (this.#limitsTold & (1 << index)) return
    this.#limitsTold |= 1 << index
    this.#notice({ type: 'limit', limit })
  }

  #notice(notice: Notice): void {
    this.#instance.context.writer.json(FRAME.notice, 0, this.#instance.id, notice)
  }

  #wakeAfter(delayMs: number): void {
    if (this.#wake) clearTimeout(this.#wake)
    const delay = delayMs >= 0 && delayMs < 2 ** 31 ? delayMs : 0
    this.#wake = setTimeout(() => {
      this.#wake = null
      this.#instance.push(EVENT.wake, 0)
    }, delay)
  }
}

/** Whether a response's record holds all of it, and ends its request. */
function isComplete(payload: Buffer): boolean {
  const flags = payload.length >= RESPONSE_FIXED_BYTES ? payload.readUInt16LE(2) : 0
  const wanted = RESPONSE_WHOLE | RESPONSE_FINISHED
  return (flags & (wanted | RESPONSE_TEXT)) === wanted
}
