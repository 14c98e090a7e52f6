/** What an isolate says to its developer: console lines, and exceptions that nobody handled. */
import { LOG_KINDS, WIRE_LEVELS } from '../sandbox/wire.ts'
import { copyBytes } from './frame-writer.ts'
import type { Instance } from './instance.ts'
import { SANDBOX_NAME, withoutHostFrames, withoutSandboxFrames } from './isolate.ts'
import { LogBudget } from './log-budget.ts'
import type { LogLine } from './messages.ts'
import { FRAME, LOG_FIXED_BYTES, LOG_LINE_BYTES_MAX } from './protocol.ts'
import { itemAt, uint32, Violation } from './records.ts'

/** Set in a record whose text is that of an exception. */
const IS_EXCEPTION = LOG_KINDS.indexOf('exception') << 8

interface Origin {
  /** Of the request, 0: none. */
  stream: number
  /** Index in WIRE_LEVELS. */
  level: number
  kind: LogLine['kind']
}

export class GuestLog {
  readonly #instance: Instance
  readonly #budget: LogBudget

  constructor(instance: Instance) {
    this.#instance = instance
    this.#budget = new LogBudget(instance.spec.limits)
  }

  /** Tells the line of a record. False if it is one more than may be told. */
  tell(id: number, payload: Buffer): boolean {
    const code = uint32(payload, 0)
    const request = id === 0 ? null : this.#instance.context.requests.get(id)
    const fate = this.#budget.spend(request, payload.length)
    if (fate === 'forged') throw new Violation('more log than the limit')
    if (fate === 'dropped') return false
    const level = code & 0xff
    itemAt(WIRE_LEVELS, level)
    const stream = request?.instance === this.#instance ? id : 0
    const text = payload.subarray(4)
    if (code & IS_EXCEPTION) {
      this.#write({ stream, level, kind: 'exception' }, trim(text, withoutHostFrames))
    } else {
      const trimmed = text.includes(SANDBOX_NAME) ? trim(text, withoutSandboxFrames) : text
      this.#write({ stream, level, kind: 'console' }, trimmed)
    }
    return true
  }

  /** Tells of an exception that the sandbox has not seen. */
  exception(stream: number, message: string): void {
    const request = this.#instance.context.requests.get(stream)
    if (this.#budget.spend(request, message.length) !== 'kept') return
    this.#write({ stream, level: WIRE_LEVELS.indexOf('error'), kind: 'exception' }, Buffer.from(message))
  }

  #write({ stream, level, kind }: Origin, text: Buffer): void {
    const { context, id } = this.#instance
    const bytes = text.subarray(0, LOG_LINE_BYTES_MAX)
    const frame = context.writer.frame(FRAME.log, 0, id, LOG_FIXED_BYTES + bytes.length)
    frame.writeUInt32LE(stream, 0)
    frame.writeUInt32LE(level | (LOG_KINDS.indexOf(kind) << 8), 4)
    frame.writeDoubleLE(Date.now(), 8)
    copyBytes(bytes, frame, LOG_FIXED_BYTES)
  }
}

function trim(text: Buffer, without: (text: string) => string): Buffer {
  return Buffer.from(without(text.utf8Slice(0, Math.min(text.length, LOG_LINE_BYTES_MAX))))
}
